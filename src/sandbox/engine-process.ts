/** The engine as the supervisor sees it: a process inside the namespace and a channel to it. */
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import type {
  AttachedMessage,
  ChannelPacket,
  FromEngine,
  ListenerPacket,
  ToEngine,
} from '../engine/messages.ts';
import { CONTROL_FD, FIRST_INHERITED_FD } from '../engine/messages.ts';
import { packetSocketPair, streamSocketPair } from '../os/descriptor-passing.ts';
import { readEngineLines } from './engine-line.ts';
import { engineCommand } from './engine-binary.ts';
import type { Enclosure } from './isolation.ts';
import { SocketChannel } from './socket-channel.ts';
import { within } from './within.ts';

/** A guest that computes hears of what is attached to it at its next wait: so long that is waited for, in ms. */
const ATTACH_MS = 1000;

/** What an engine says of its guest. */
export type GuestMessage = Exclude<FromEngine, AttachedMessage>;

export interface EngineOptions {
  readonly enclosure: Pick<Enclosure, 'spawn'>;
  /** Listening sockets the engine inherits, numbered from `FIRST_INHERITED_FD`. */
  readonly inherited: readonly number[];
  /** How many further streams to the engine are opened; their descriptors there follow the listeners'. */
  readonly channelCount: number;
  /** Where the guest's output goes when it is not the terminal's. */
  readonly onOutput: ((stream: 'stdout' | 'stderr', text: string) => void) | undefined;
  readonly onMessage: (message: GuestMessage) => void;
  /** Does the guest read what this process's standard input brings? */
  readonly hasInput: boolean;
}

/** How the process ended. */
export interface ProcessEnd {
  /** Exit status, 128 + n for signal n. */
  readonly status: number;
  readonly signal: NodeJS.Signals | null;
}

export class EngineProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #control: Socket;
  /** Closed when the engine is disposed of. */
  readonly channel: SocketChannel;
  readonly #channels: Socket[];
  /** Resolves when the process is gone and all its output has been passed on. */
  readonly ended: Promise<ProcessEnd>;
  readonly #onMessage: EngineOptions['onMessage'];
  /** What has been attached, until the engine says that it has it. */
  readonly #attaching: PromiseWithResolvers<void>[] = [];
  #isGone = false;

  constructor({ enclosure, inherited, channelCount, onOutput, onMessage, hasInput }: EngineOptions) {
    this.#onMessage = onMessage;
    const output = onOutput === undefined ? 'inherit' : 'pipe';
    const [channel, engineChannel] = packetSocketPair();
    this.channel = new SocketChannel(channel);
    const channels = Array.from({ length: channelCount }, () => 'pipe' as const);
    const { file, args } = engineCommand();
    this.#child = enclosure.spawn(file, args, {
      stdio: [
        hasInput ? 'inherit' : 'ignore',
        output,
        output,
        'pipe',
        engineChannel,
        ...inherited,
        ...channels,
      ],
      cwd: '/',
      // Nothing of the caller's environment: what the guest may see comes with the launch message.
      env: {},
    });
    closeSync(engineChannel);
    this.#control = this.#child.stdio[CONTROL_FD] as Socket;
    this.#channels = this.#child.stdio.slice(FIRST_INHERITED_FD + inherited.length) as Socket[];
    // Writing to an engine that just died is no news: `ended` tells.
    for (const stream of [this.#control, ...this.#channels]) stream.on('error', () => {});
    readEngineLines(
      this.#control,
      (message) => (message.type === 'attached' ? this.#attaching.shift()?.resolve() : onMessage(message)),
      () => this.distrust(),
    );
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#child[stream]?.setEncoding('utf8').on('data', (text: string) => onOutput?.(stream, text));
    }
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        this.#isGone = true;
        for (const each of this.#attaching.splice(0)) each.resolve();
        resolve({ status: code ?? 128 + constants.signals[signal ?? 'SIGKILL'], signal });
      });
    });
    // Looked at later; a failed start must not count as unhandled until then.
    this.ended.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** This side's ends of the streams, in the order in which they were opened. */
  get channels(): readonly Socket[] {
    return this.#channels;
  }

  /** One more stream to the running engine, for datagrams that are sent to a process port. */
  openChannel(processPort: number): Socket {
    const [own, engineChannel] = streamSocketPair();
    const channel = new Socket({ fd: own }).on('error', () => {});
    this.#channels.push(channel);
    this.attach({ kind: 'channel', processPort }, engineChannel);
    closeSync(engineChannel);
    return channel;
  }

  /** Gives the running engine one more socket; this process keeps its own descriptor. */
  attach(packet: ListenerPacket | ChannelPacket, socket: number): void {
    this.channel.hand(packet, socket);
    if (!this.#isGone) this.#attaching.push(Promise.withResolvers());
    this.send({ type: 'attach', kind: packet.kind });
  }

  /** Resolves when the engine has all that was attached, is gone, or is too busy to say so. */
  async attached(): Promise<void> {
    if (this.#attaching.length === 0) return;
    await within(ATTACH_MS, Promise.all(this.#attaching.map(({ promise }) => promise)));
  }

  send(message: ToEngine): void {
    if (!this.#isGone) this.#control.write(`${JSON.stringify(message)}\n`);
  }

  /** Ends an engine that says what none of ours would say. */
  distrust(): void {
    this.kill();
    this.#onMessage({
      type: 'failed',
      code: 'ENGINE_FAILED',
      message: 'the engine said what no engine says, and was ended',
    });
  }

  kill(): void {
    if (!this.#isGone) this.#child.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.ended.catch(() => {});
    for (const stream of [this.#control, ...this.#channels]) stream.destroy();
    this.channel[Symbol.dispose]();
  }
}
