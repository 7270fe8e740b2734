/**
 * The engine's way to connections and names: it asks the supervisor, who knows the rules. connect(2) itself is
 * refused to the engine by its system call filter. Several requests can be under way at once, and are answered
 * in any order: a slow name keeps nobody from connecting.
 */
import type { Control } from './control.ts';
import type { DescriptorChannel } from './descriptor-channel.ts';
import { WASI, toWasi } from './errno.ts';
import { close } from './libc.ts';
import { MAX_REQUESTS } from './messages.ts';
import type { ConnectMessage, ReplyPacket, ResolveMessage } from './messages.ts';
import { POLLIN } from './poll-events.ts';
import type { Poller } from './poll.ts';
import { formatIp } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';

/** How an attempt to connect began. */
export interface ConnectionStart {
  /** 0, or a negated WASI errno; EINPROGRESS where the attempt goes on in the background. */
  readonly result: number;
  /** To take the place of the guest's; whoever asked owns it. */
  readonly socket?: number | undefined;
}

/** The addresses of a host name as texts, or a positive WASI errno: ENOENT, EAGAIN. */
export type Resolution = readonly string[] | number;

/** A request that is under way. */
export interface BrokerRequest {
  /** Its answer is not wanted any more. To be called before its socket is closed. */
  cancel(): void;
}

export class Broker {
  readonly #control: Control;
  readonly #poller: Poller;
  readonly #channel: DescriptorChannel;
  readonly #handsSockets: boolean;
  /** Asked and not answered, by id. */
  readonly #asked = new Map<number, Request>();
  /** Not asked yet, for too many are. */
  readonly #waiting: Request[] = [];
  #lastId = 0;

  /** @param handsSockets - false in the host's own network: the filter refuses it, and nobody there wants them */
  constructor(control: Control, poller: Poller, channel: DescriptorChannel, handsSockets: boolean) {
    this.#control = control;
    this.#poller = poller;
    this.#channel = channel;
    this.#handsSockets = handsSockets;
  }

  /** Has a socket connected, and waits for the supervisor's answer. */
  connect(hostFd: number, protocol: ConnectMessage['protocol'], address: SocketAddress): ConnectionStart {
    const answer = this.#await<ConnectionStart>((done) => this.startConnect(hostFd, protocol, address, done));
    return answer ?? { result: -WASI.EACCES };
  }

  /** Waits for the addresses of a host name. */
  resolve(name: string): Resolution {
    return this.#await<Resolution>((done) => this.startResolve(name, done)) ?? WASI.EAGAIN;
  }

  /**
   * Has a socket connected; the answer comes in a later {@link receive}.
   * @returns undefined where the engine may not even ask: the filter for guests that can reach nobody
   */
  startConnect(
    hostFd: number,
    protocol: ConnectMessage['protocol'],
    { ip, port }: SocketAddress,
    done: (start: ConnectionStart) => void,
  ): BrokerRequest | undefined {
    const question = { type: 'connect', protocol, address: formatIp(ip), port } as const;
    return this.#start(
      new Request(question, hostFd, (reply, socket) => {
        if (reply === undefined) done({ result: -WASI.EACCES });
        else done({ result: reply.errno === 0 ? 0 : -toWasi(reply.errno), socket });
      }),
    );
  }

  /** Asks for the addresses of a host name; the answer comes in a later {@link receive}. */
  startResolve(name: string, done: (resolution: Resolution) => void): BrokerRequest | undefined {
    return this.#start(
      new Request({ type: 'resolve', name }, undefined, (reply) => {
        if (reply === undefined) done(WASI.EAGAIN);
        else done(reply.errno === 0 ? (reply.addresses ?? []) : toWasi(reply.errno));
      }),
    );
  }

  /** Passes on the answers that are there. To be called when the channel is readable. */
  receive(): void {
    for (;;) {
      const { packet, socket } = this.#channel.take('reply') ?? {};
      if (packet === undefined) return;
      const request = this.#asked.get(packet.id);
      this.#asked.delete(packet.id);
      this.#askWaiting();
      request?.answer(packet, socket);
    }
  }

  #start(request: Request): BrokerRequest | undefined {
    if (this.#asked.size < MAX_REQUESTS) return this.#ask(request) ? request : undefined;
    this.#waiting.push(request);
    return request;
  }

  #askWaiting(): void {
    while (this.#asked.size < MAX_REQUESTS) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      if (!request.isCancelled && !this.#ask(request)) request.answer(undefined, undefined);
    }
  }

  #ask(request: Request): boolean {
    if (this.#handsSockets && request.hostFd !== undefined && !this.#channel.send(request.hostFd))
      return false;
    this.#lastId += 1;
    this.#asked.set(this.#lastId, request);
    this.#control.send({ ...request.question, id: this.#lastId });
    return true;
  }

  #await<Answer>(start: (done: (answer: Answer) => void) => BrokerRequest | undefined): Answer | undefined {
    const answers: Answer[] = [];
    if (start((answer) => answers.push(answer)) === undefined) return undefined;
    for (;;) {
      this.receive();
      if (answers.length > 0) return answers[0];
      this.#poller.wait(this.#channel.fds, POLLIN);
    }
  }
}

/** What is asked, but for its number. */
type Question = Omit<ConnectMessage, 'id'> | Omit<ResolveMessage, 'id'>;

class Request implements BrokerRequest {
  readonly question: Question;
  /** Goes up with the question. */
  readonly hostFd: number | undefined;
  #onAnswer: ((reply: ReplyPacket | undefined, socket: number | undefined) => void) | undefined;

  constructor(question: Question, hostFd: number | undefined, onAnswer: Request['answer']) {
    this.question = question;
    this.hostFd = hostFd;
    this.#onAnswer = onAnswer;
  }

  get isCancelled(): boolean {
    return this.#onAnswer === undefined;
  }

  cancel(): void {
    this.#onAnswer = undefined;
  }

  /** @param reply - undefined where it could not be asked */
  answer(reply: ReplyPacket | undefined, socket: number | undefined): void {
    if (this.#onAnswer !== undefined) this.#onAnswer(reply, socket);
    else if (socket !== undefined) close(socket);
  }
}
