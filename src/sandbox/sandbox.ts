/** A sandbox from its start to its end, as its supervisor sees it. */
import type { FromEngine, ListeningMessage } from '../engine/messages.ts';
import { WasmrunError, isErrorCode } from '../errors.ts';
import { EgressPolicy, hostAddresses } from '../network/egress.ts';
import { formatPort } from '../network/forward.ts';
import { describeRefusals, type Refusal } from '../network/refusal.ts';
import { carrierOf, type HeldForward } from '../network/transport.ts';
import type { SandboxDefinition } from './definition.ts';
import type { ProcessEnd } from './engine-process.ts';
import type { ExitedEvent, SandboxEvent } from './events.ts';
import { OutboundBroker } from './outbound.ts';
import type { SandboxRecord } from './record.ts';
import { startSandbox } from './start.ts';
import type { StartOptions, StartedSandbox } from './start.ts';

/** How long a guest may take to leave after a stop, in ms. Guests have no signals, so only a busy one is late. */
const STOP_GRACE_MS = 2000;
/** When a stop that takes this many ms is explained. */
const STOP_NOTICE_MS = 400;
/** After this many ms without a listener on a forwarded port the user gets a hint. */
const LISTEN_HINT_MS = 5000;

export interface SandboxOptions extends Omit<StartOptions, 'onMessage' | 'onOutput'> {
  readonly onEvent: (event: SandboxEvent) => void;
  /** Report the guest's output as events instead of passing it through. */
  readonly captureOutput: boolean;
}

/** How a sandbox ended. */
export type SandboxEnd = Omit<ExitedEvent, 'type'>;

const describeStart = ({ name, enclosure }: SandboxRecord): SandboxEvent => {
  const { isolation } = enclosure;
  if (isolation !== 'namespace') return { type: 'started', name, isolation };
  const { namespace, link } = enclosure;
  return { type: 'started', name, isolation, namespace, address: link.sandboxAddress };
};

/** A sandbox that runs until its guest ends or {@link Sandbox.stop} is called; disposing unmakes it all. */
export class Sandbox implements AsyncDisposable {
  readonly #options: SandboxOptions;
  readonly #resources = new AsyncDisposableStack();
  /** Process ports the guest listens on or has bound for UDP, as people write them. */
  readonly #listening = new Set<string>();
  readonly #said = new Set<string>();
  /** Forwards being opened, one after another. */
  #work: Promise<void> = Promise.resolve();
  #started: StartedSandbox | undefined;
  #broker: OutboundBroker | undefined;
  #prepared = Promise.withResolvers<void>();
  #end: SandboxEnd | undefined;
  #failure: WasmrunError | undefined;
  /** The engine's process is gone. */
  #isOver = false;
  /** Number of the signal that asked for the stop. */
  #stopSignal: number | undefined;

  private constructor(options: SandboxOptions) {
    this.#options = options;
    this.#prepared.promise.catch(() => {});
  }

  /** @throws {WasmrunError} when it cannot be started; nothing is left behind then */
  static async start(definition: SandboxDefinition, options: SandboxOptions): Promise<Sandbox> {
    const sandbox = new Sandbox(options);
    await sandbox.#start(definition);
    return sandbox;
  }

  get name(): string {
    return this.#parts.record.name;
  }

  /** What leads into it, with the host ports that are held. */
  get forwards(): readonly HeldForward[] {
    return this.#parts.record.forwards;
  }

  /**
   * Asks the guest to leave; it does so at its next blocking call, or is killed after the grace.
   * @param signal number of the signal that caused it, for the exit status
   */
  stop(signal: number): void {
    if (this.#stopSignal !== undefined) return;
    this.#stopSignal = signal;
    this.#parts.engine.send({ type: 'stop' });
    setTimeout(() => {
      const text = `${this.name} is busy: waiting ${STOP_GRACE_MS / 1000} s for it to stop (Ctrl-C again to end it now)`;
      if (!this.#isOver) this.#options.onEvent({ type: 'notice', text });
    }, STOP_NOTICE_MS).unref();
    setTimeout(() => this.#parts.engine.kill(), STOP_GRACE_MS).unref();
  }

  /** Ends the guest without waiting. */
  kill(): void {
    this.#parts.engine.kill();
  }

  /**
   * Resolves when the guest is gone.
   * @throws {WasmrunError} when the engine or a forward failed
   */
  async end(): Promise<SandboxEnd> {
    const { status, signal } = await this.#parts.engine.ended;
    this.#isOver = true;
    await this.#work;
    if (this.#failure !== undefined) throw this.#failure;
    const end = this.#describeEnd(status, signal);
    this.#options.onEvent({ type: 'exited', ...end });
    return end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#work;
    await this.#resources.disposeAsync();
  }

  get #parts(): StartedSandbox {
    if (this.#started === undefined) throw new Error('the sandbox has not been started');
    return this.#started;
  }

  async #start(definition: SandboxDefinition): Promise<void> {
    const { onEvent, captureOutput, log } = this.#options;
    const started = await startSandbox(definition, {
      ...this.#options,
      onMessage: (message) => this.#receive(message),
      onOutput: captureOutput ? (stream, text) => onEvent({ type: 'output', stream, text }) : undefined,
    });
    this.#started = started;
    this.#resources.use(started.resources);
    this.#broker = new OutboundBroker({
      channel: started.engine.channel,
      policy: new EgressPolicy({ ...definition.outbound, hostAddresses }),
      namespace: started.enclosure.identity(),
      sandboxAddress: started.enclosure.link?.sandboxAddress,
      onRefused: onEvent,
    });
    const { transport, refusals } = started.selection;
    for (const line of describeRefusals(refusals)) log.info(`${line}; using ${transport.name}`);
    try {
      await Promise.race([this.#prepared.promise, started.engine.ended.then((end) => this.#endedEarly(end))]);
      onEvent(describeStart(started.record));
      const { link } = started.enclosure;
      started.engine.send({
        type: 'go',
        ...(link !== undefined && { sandboxAddress: link.sandboxAddress }),
      });
      this.#options.onStep?.('go');
      this.#hintIfNothingListens();
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The engine is gone before the guest could start. */
  #endedEarly({ status, signal }: ProcessEnd): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#describeEnd(status, signal);
  }

  #receive(message: FromEngine): void {
    const { onEvent } = this.#options;
    if (message.type === 'prepared') {
      this.#options.log.detail(`socket ABI ${message.abi}`);
      this.#prepared.resolve();
    } else if (message.type === 'connect' || message.type === 'resolve') {
      if (this.#broker?.answer(message) !== true) this.#parts.engine.distrust();
    } else if (message.type === 'notice') onEvent({ type: 'notice', text: message.text });
    else if (message.type === 'failed') {
      const hint = message.hint === undefined ? {} : { hint: message.hint };
      const code = isErrorCode(message.code) ? message.code : 'ENGINE_FAILED';
      this.#failure = new WasmrunError(code, message.message, hint);
    } else if (message.type === 'exited') this.#end = { status: message.status, reason: message.reason };
    else this.#openForwards(message);
  }

  /** The guest listens on a port: its forwards open. */
  #openForwards({ port, protocol }: ListeningMessage): void {
    const name = formatPort(port, protocol);
    if (this.#listening.has(name)) return;
    this.#listening.add(name);
    for (const forward of this.#parts.record.forwards) {
      if (forward.processPort !== port || forward.protocol !== protocol) continue;
      this.#work = this.#work.then(() => this.#openForward(forward));
    }
  }

  async #openForward(forward: HeldForward): Promise<void> {
    const { selection, target, engine } = this.#parts;
    const { transport } = selection;
    let fallback: Refusal | undefined;
    try {
      ({ fallback } = this.#resources.use(await transport.open(forward, target)));
    } catch (error) {
      this.#failure =
        error instanceof WasmrunError ? error : new WasmrunError('INTERNAL', String(error), { cause: error });
      engine.kill();
      return;
    }
    const { landingPort: _, ...described } = forward;
    const carrier = carrierOf(forward, fallback === undefined ? transport : undefined);
    if (fallback !== undefined) this.#sayOnce(`${describeRefusals([fallback]).join()}; using ${carrier}`);
    this.#options.onEvent({ type: 'forward', ...described, transport: carrier });
  }

  #sayOnce(line: string): void {
    if (!this.#said.has(line)) this.#options.log.info(line);
    this.#said.add(line);
  }

  #hintIfNothingListens(): void {
    const { record } = this.#parts;
    setTimeout(() => {
      const silent = record.forwards
        .map(({ processPort, protocol }) => formatPort(processPort, protocol))
        .filter((port) => !this.#listening.has(port));
      if (silent.length === 0 || this.#stopSignal !== undefined) return;
      const open = [...this.#listening];
      const instead =
        open.length === 0
          ? `${record.name} listens on no port`
          : `${record.name} listens on ${open.join(', ')}`;
      this.#options.onEvent({
        type: 'notice',
        text: `nothing listens on process port ${silent.join(', ')} after ${LISTEN_HINT_MS / 1000} s (${instead})`,
      });
    }, LISTEN_HINT_MS).unref();
  }

  #describeEnd(status: number, signal: NodeJS.Signals | null): SandboxEnd {
    if (this.#stopSignal !== undefined) return { status: 128 + this.#stopSignal, reason: 'stopped' };
    if (this.#end !== undefined) return this.#end;
    if (signal !== null) return { status, reason: 'killed' };
    throw new WasmrunError('ENGINE_FAILED', `the engine ended with status ${status} before the guest did`, {
      hint: 'Run again with --verbose; this is a bug in wasmrun.',
    });
  }
}
