/**
 * One version of the guest: an engine from its start to its end, and what it has said. A sandbox has one at
 * a time, and two while the next takes the place of the last.
 */
import { closeSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { FIRST_INHERITED_FD } from '../engine/messages.ts';
import type {
  ExitedMessage,
  InheritedSocket,
  LaunchMessage,
  ListeningMessage,
  PortTraffic,
} from '../engine/messages.ts';
import { WasmrunError, fromErrorDocument } from '../errors.ts';
import type { DatagramRelay } from '../network/datagram-relay.ts';
import { EgressPolicy, hostAddresses } from '../network/egress.ts';
import { formatPort } from '../network/forward.ts';
import { Peers } from '../network/peers.ts';
import type { Protocol } from '../os/socket.ts';
import type { SandboxDefinition } from './definition.ts';
import { EngineProcess } from './engine-process.ts';
import type { EngineOptions, GuestMessage, ProcessEnd } from './engine-process.ts';
import type { RefusedEvent } from './events.ts';
import type { HeldListener, HeldPorts } from './held-ports.ts';
import type { Enclosure } from './isolation.ts';
import { OutboundBroker } from './outbound.ts';
import { State } from './state.ts';
import { EngineTraffic } from './traffic.ts';

/** A socket in the sandbox's network that outlives the engine that opened it; `fd` is the supervisor's. */
export interface KeptSocket {
  readonly protocol: Protocol;
  readonly port: number;
  readonly fd: number;
}

export interface GenerationOptions {
  /** 1 for the first. */
  readonly number: number;
  readonly definition: SandboxDefinition;
  readonly enclosure: Enclosure;
  readonly ports: HeldPorts;
  /** Sockets of the generation before. */
  readonly inherited: readonly KeptSocket[];
  /** Will another one take its place? Then its sockets are kept. */
  readonly isReplaceable: boolean;
  readonly onOutput: EngineOptions['onOutput'];
  readonly onListening: (message: ListeningMessage) => void;
  /** Sockets it has handed up for the next one, by port as people write it; they are the callee's. */
  readonly onKept: (port: string, sockets: readonly KeptSocket[]) => void;
  readonly onNotice: (text: string) => void;
  readonly onRefused: (refusal: RefusedEvent) => void;
  readonly onPrepared: (abi: string) => void;
}

/** How a generation ended, as its engine said or the kernel. */
export interface GenerationEnd extends ProcessEnd {
  readonly said: Omit<ExitedMessage, 'type'> | undefined;
  readonly failure: WasmrunError | undefined;
}

export class Generation implements AsyncDisposable {
  readonly #options: GenerationOptions;
  readonly #engine: EngineProcess;
  readonly #broker: OutboundBroker;
  readonly #traffic: EngineTraffic;
  readonly #prepared = Promise.withResolvers<void>();
  readonly #made = new AsyncDisposableStack();
  /** Streams to the engine, by the process port whose datagrams they carry. */
  readonly #channels: Map<number, Duplex>;
  readonly #relays = new Map<number, DatagramRelay>();
  /** Process ports that forwards of TCP led to when it was launched. */
  readonly #launchPorts: ReadonlySet<number>;
  /** Process ports the guest listens on or has bound for UDP, as people write them. */
  readonly listening = new Set<string>();
  readonly ended: Promise<GenerationEnd>;
  #waitsForPort: (() => void) | undefined;
  #said: GenerationEnd['said'];
  #failure: WasmrunError | undefined;
  #abi: string | undefined;
  #isOver = false;

  constructor(options: GenerationOptions) {
    this.#options = options;
    const { definition, enclosure, ports, inherited, onOutput } = options;
    this.#prepared.promise.catch(() => {});
    const { listeners, datagrams } = ports;
    const processPorts = [...datagrams.keys()];
    this.#launchPorts = new Set(listeners.map(({ processPort }) => processPort));
    this.#engine = this.#made.use(
      new EngineProcess({
        enclosure,
        inherited: [...listeners, ...inherited].map(({ fd }) => fd),
        channelCount: processPorts.length,
        onOutput,
        // Of several generations none could have it to itself.
        hasInput: !options.isReplaceable,
        onMessage: (message) => this.#receive(message),
      }),
    );
    this.#channels = new Map(processPorts.map((port, index) => [port, this.#engine.channels[index]!]));
    this.#broker = new OutboundBroker({
      channel: this.#engine.channel,
      policy: new EgressPolicy({ ...definition.outbound, hostAddresses }),
      namespace: enclosure.identity(),
      sandboxAddress: enclosure.link?.sandboxAddress,
      peers: new Peers(definition.peers),
      ownId: definition.id,
      state: new State(definition.prefix),
      onRefused: options.onRefused,
    });
    this.#traffic = new EngineTraffic(() => this.#engine.send({ type: 'report-traffic' }));
    this.#engine.send(launchMessage(options));
    this.ended = this.#engine.ended.then((end) => this.#conclude(end));
    this.ended.catch(() => {});
  }

  get number(): number {
    return this.#options.number;
  }

  /** Process id of its engine; undefined where none could be started. */
  get pid(): number | undefined {
    return this.#engine.pid;
  }

  get definition(): SandboxDefinition {
    return this.#options.definition;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Resolves when the module is compiled and everything is opened.
   * @throws {WasmrunError} where that failed
   */
  get prepared(): Promise<void> {
    return this.#prepared.promise;
  }

  /** Runs the guest. */
  go(): void {
    const { link } = this.#options.enclosure;
    this.#engine.send({ type: 'go', ...(link !== undefined && { sandboxAddress: link.sandboxAddress }) });
  }

  /** Resolves when the guest listens on all these ports, as people write them; never where it ends before. */
  async listensOn(ports: readonly string[]): Promise<void> {
    while (!ports.every((port) => this.listening.has(port))) {
      await new Promise<void>((resolve) => (this.#waitsForPort = resolve));
    }
  }

  /** Carries datagrams of the ports that are held now to and from the guest; to be said again when others are. */
  async relay(): Promise<void> {
    const { ports } = this.#options;
    if (ports.datagrams.size === 0) return this.takeNoDatagrams();
    const { DatagramRelay } = await import('../network/datagram-relay.ts');
    if (this.#isOver) return;
    const { datagrams } = ports;
    for (const processPort of datagrams.keys()) {
      if (this.#relays.has(processPort)) continue;
      const channel = this.#channels.get(processPort) ?? this.#engine.openChannel(processPort);
      const relay = new DatagramRelay({ channel, onNonsense: () => this.#engine.distrust() });
      this.#relays.set(processPort, this.#made.use(relay));
    }
    for (const [processPort, relay] of this.#relays) relay.serve(datagrams.get(processPort) ?? []);
  }

  /** No more datagrams come to it; its answers to those it has still go out. */
  takeNoDatagrams(): void {
    for (const relay of this.#relays.values()) relay.serve([]);
  }

  /** Can it not listen on all these process ports of TCP? A module of preview1 has the ports it was launched with. */
  lacksPort(processPorts: readonly number[]): boolean {
    return this.#abi === 'preview1' && processPorts.some((port) => !this.#launchPorts.has(port));
  }

  /** One more host port leads to it. */
  attach({ fd, id, processPort }: HeldListener): void {
    this.#engine.attach({ kind: 'listener', id, processPort }, fd);
  }

  /** Resolves when all host ports that lead to it do, unless it is busy. */
  async attached(): Promise<void> {
    await this.#engine.attached();
  }

  /**
   * A host port leads to it no more.
   * @param cut - what it has accepted from it ends; else it goes on
   */
  detach({ id }: HeldListener, cut: boolean): void {
    this.#engine.send({ type: 'detach', id, cut });
  }

  /** What went through the forwarded process ports; from an engine that is busy, what it has told before. */
  async traffic(): Promise<readonly PortTraffic[]> {
    if (!this.#isOver) await this.#traffic.refresh();
    return this.#traffic.latest;
  }

  /** As {@link traffic}, without asking. */
  get latestTraffic(): readonly PortTraffic[] {
    return this.#traffic.latest;
  }

  /** Accept no more, finish what is in flight, leave then; to be said again and again. */
  drain(): void {
    this.#engine.send({ type: 'drain' });
  }

  /** End what is in flight, and leave. */
  finish(): void {
    this.#engine.send({ type: 'finish' });
  }

  /** Leave at the next blocking call. */
  stop(signal: number): void {
    this.#engine.send({ type: 'stop', signal });
  }

  kill(): void {
    this.#engine.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }

  #conclude(end: ProcessEnd): GenerationEnd {
    this.#isOver = true;
    this.#traffic.end();
    const conclusion = { ...end, said: this.#said, failure: this.#failure };
    // Of one that was killed `ended` tells; a Ctrl-C may have reached it before it knew to ignore that.
    if (end.signal === null) this.#prepared.reject(failureOf(conclusion));
    else this.#prepared.resolve();
    return conclusion;
  }

  #receive(message: GuestMessage): void {
    const { onListening, onNotice, onPrepared } = this.#options;
    if (message.type === 'prepared') {
      this.#abi = message.abi;
      onPrepared(message.abi);
      this.#prepared.resolve();
    } else if (message.type === 'connect' || message.type === 'resolve') {
      if (!this.#broker.answer(message)) this.#engine.distrust();
    } else if (message.type === 'traffic') this.#traffic.receive(message);
    else if (message.type === 'notice') onNotice(message.text);
    else if (message.type === 'failed') {
      this.#failure ??= fromErrorDocument(message, 'ENGINE_FAILED');
    } else if (message.type === 'exited') this.#said = { status: message.status, reason: message.reason };
    else if (this.#keepSockets(message)) {
      this.listening.add(formatPort(message.port, message.protocol));
      this.#waitsForPort?.();
      onListening(message);
    } else this.#engine.distrust();
  }

  /** False where the engine has not handed up what it says it has. */
  #keepSockets({ protocol, port, sockets }: ListeningMessage): boolean {
    const kept: KeptSocket[] = [];
    for (let count = 0; count < sockets; count += 1) {
      const fd = this.#engine.channel.take();
      if (fd === undefined) {
        for (const { fd } of kept) closeSync(fd);
        return false;
      }
      kept.push({ protocol, port, fd });
    }
    if (kept.length > 0) this.#options.onKept(formatPort(port, protocol), kept);
    return true;
  }
}

/** What became of a generation that ended before anybody asked it to. */
export const failureOf = ({ failure, status, said, signal }: GenerationEnd): WasmrunError => {
  if (failure !== undefined) return failure;
  if (signal !== null) return new WasmrunError('APP_ENDED', `the app was killed by ${signal}`);
  return new WasmrunError(
    said === undefined ? 'ENGINE_FAILED' : 'APP_ENDED',
    said === undefined
      ? `the engine ended with status ${status} before the guest did`
      : `the app ended with status ${status}`,
    said === undefined ? { hint: 'Run again with --verbose; this is a bug in wasmrun.' } : {},
  );
};

/** Descriptors inside the engine are numbered in the order it inherits them. */
const launchMessage = ({
  definition,
  enclosure,
  ports,
  inherited,
  isReplaceable,
}: GenerationOptions): LaunchMessage => {
  const { module, driver, args, env, directories, tmpfs } = definition;
  const { virtualPorts, engineUser } = enclosure;
  let fd = FIRST_INHERITED_FD;
  const { listeners } = ports;
  return {
    type: 'launch',
    module,
    ...(driver === undefined ? {} : { driver }),
    args,
    env,
    directories,
    tmpfs,
    handed: listeners.map(({ id, processPort }) => ({ fd: fd++, id, processPort })),
    inherited: inherited.map(({ protocol, port }): InheritedSocket => ({ fd: fd++, protocol, port })),
    channels: [...ports.datagrams.keys()].map((processPort) => ({ fd: fd++, processPort })),
    keepListeners: isReplaceable,
    ports: [...new Set(listeners.map(({ processPort }) => processPort))],
    virtualPorts,
    ...(engineUser === undefined ? {} : { user: engineUser }),
  };
};
