/** A sandbox from its start to its end, as its supervisor sees it. */
import type { PortTraffic } from '../engine/messages.ts';
import { WasmrunError } from '../errors.ts';
import { describeRefusals } from '../network/refusal.ts';
import type { HeldForward } from '../network/transport.ts';
import type { SandboxDefinition } from './definition.ts';
import type { ExitedEvent, SandboxEvent } from './events.ts';
import { Forwards } from './forwards.ts';
import { failureOf } from './generation.ts';
import type { Generation, GenerationEnd } from './generation.ts';
import { Generations } from './generations.ts';
import type { ReplaceRequest } from './generations.ts';
import type { SandboxRecord } from './record.ts';
import { startSandbox } from './start.ts';
import type { StartOptions, StartedSandbox } from './start.ts';
import { State } from './state.ts';

/** A process that a signal ended has this status and the signal's number (POSIX, Shell Command Language 2.8.2). */
const SIGNAL_STATUS = 128;
/** How long a guest may take to leave after a stop, in ms. Guests have no signals, so only a busy one is late. */
const STOP_GRACE_MS = 2000;
/** When a stop that takes this many ms is explained. */
const STOP_NOTICE_MS = 400;
/** After this many ms without a listener on a forwarded port the user gets a hint. */
const LISTEN_HINT_MS = 5000;

export interface SandboxOptions extends Omit<StartOptions, 'generations'> {
  readonly onEvent: (event: SandboxEvent) => void;
  /** Called with all forwards after each change, before whoever asked for it is told. */
  readonly onForwards?: ((forwards: readonly HeldForward[]) => Promise<void>) | undefined;
  /** Report the guest's output as events instead of passing it through. */
  readonly captureOutput: boolean;
  /**
   * The sandbox outlives its guest, whose end is told here; {@link Sandbox.replace} brings the next one. Absent:
   * it ends with its guest.
   */
  readonly onGuestEnd?: ((end: SandboxEnd | WasmrunError) => void) | undefined;
}

/** How a sandbox ended. */
export type SandboxEnd = Omit<ExitedEvent, 'type'>;

/** A sandbox that runs until its guest ends or {@link Sandbox.stop} is called; disposing unmakes it all. */
export class Sandbox implements AsyncDisposable {
  readonly #options: SandboxOptions;
  readonly #generations: Generations;
  readonly #resources = new AsyncDisposableStack();
  readonly #over = Promise.withResolvers<SandboxEnd>();
  #started: StartedSandbox | undefined;
  #forwards: Forwards | undefined;
  /** A forward could not be opened. */
  #failure: WasmrunError | undefined;
  /** The exit status that a stop was asked for with. */
  #stopStatus: number | undefined;

  private constructor(options: SandboxOptions) {
    this.#options = options;
    this.#over.promise.catch(() => {});
    const { onEvent, captureOutput, log, onGuestEnd } = options;
    this.#generations = new Generations({
      isReplaceable: onGuestEnd !== undefined,
      onOutput: captureOutput ? (stream, text) => onEvent({ type: 'output', stream, text }) : undefined,
      onPrepared: (abi) => log.detail(`socket ABI ${abi}`),
      onNotice: (text) => onEvent({ type: 'notice', text }),
      onRefused: onEvent,
      onListening: ({ port, protocol }) => this.#forwards?.listens(port, protocol),
      onEnd: (end) => this.#guestEnded(end),
    });
  }

  /** @throws {WasmrunError} when it cannot be started; nothing is left behind then */
  static async start(definition: SandboxDefinition, options: SandboxOptions): Promise<Sandbox> {
    const sandbox = new Sandbox(options);
    await sandbox.#start(definition);
    return sandbox;
  }

  get name(): string {
    return this.#parts.claim.record.name;
  }

  get record(): SandboxRecord {
    return this.#parts.claim.record;
  }

  /** Was it asked to stop? */
  get isStopping(): boolean {
    return this.#stopStatus !== undefined;
  }

  /** What leads into it, with the host ports that are held. */
  get forwards(): readonly HeldForward[] {
    return this.#parts.ports.forwards;
  }

  /** The version in charge. */
  get generation(): Generation {
    return this.#generations.current;
  }

  /**
   * Puts a new version of the guest in the place of the one that runs, or has ended.
   * @throws {WasmrunError} where it did not become ready
   */
  async replace(request: ReplaceRequest): Promise<Generation> {
    return await this.#generations.replace(request);
  }

  /**
   * What went through the process ports that forwards lead to, since the sandbox was started; what a busy engine
   * does not tell at once is missing.
   */
  async traffic(): Promise<readonly PortTraffic[]> {
    return await this.#generations.traffic();
  }

  /** Its forwards as they are now; to be changed here. */
  get ports(): Forwards {
    if (this.#forwards === undefined) throw new Error('the sandbox has not been started');
    return this.#forwards;
  }

  /** Ends a sandbox that has outlived its guest, as that did. */
  finish(end: SandboxEnd | WasmrunError): void {
    if (end instanceof WasmrunError) this.#over.reject(end);
    else this.#over.resolve(end);
  }

  /**
   * Asks the guest to leave; it does so at its next blocking call, or is killed after the grace. Asked again it has
   * no longer than is said then.
   * @param status - the exit status that {@link Sandbox.end} is to tell then
   * @param graceMs - how long the guest may take, in ms
   */
  stop(status: number, graceMs = STOP_GRACE_MS): void {
    setTimeout(() => this.#generations.kill(), graceMs).unref();
    if (this.#stopStatus !== undefined) return;
    this.#stopStatus = status;
    this.#generations.stop(Math.max(0, status - SIGNAL_STATUS));
    const { current } = this.#generations;
    if (current.isOver) this.#over.resolve({ status, reason: 'stopped' });
    setTimeout(() => {
      const text = `${this.name} is busy: waiting ${graceMs / 1000} s for it to stop (Ctrl-C again to end it now)`;
      if (!current.isOver) this.#options.onEvent({ type: 'notice', text });
    }, STOP_NOTICE_MS).unref();
  }

  /** Ends the guest without waiting. */
  kill(): void {
    this.#generations.kill();
  }

  /**
   * Resolves when the guest is gone; where the sandbox outlives its guest, when it was stopped.
   * @throws {WasmrunError} when the engine or a forward failed
   */
  async end(): Promise<SandboxEnd> {
    const end = await this.#over.promise;
    await this.#forwards?.settled();
    if (this.#failure !== undefined) throw this.#failure;
    this.#options.onEvent({ type: 'exited', ...end });
    return end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  get #parts(): StartedSandbox {
    if (this.#started === undefined) throw new Error('the sandbox has not been started');
    return this.#started;
  }

  async #start(definition: SandboxDefinition): Promise<void> {
    const { onEvent, log } = this.#options;
    const started = await startSandbox(definition, { ...this.#options, generations: this.#generations });
    const { claim, ports, selection, target } = started;
    this.#started = started;
    this.#resources.use(started.resources);
    const state = new State(definition.prefix);
    this.#forwards = this.#resources.use(
      new Forwards({
        ports,
        selection,
        target,
        generations: this.#generations,
        log,
        onEvent,
        onFailure: (error) => {
          this.#failure ??= error;
          this.stop(0);
        },
        amend: async (additions) => {
          await state.exclusively(async () => void claim.amend(additions));
          await this.#options.onForwards?.(additions.forwards);
        },
      }),
    );
    const { transport, refusals } = selection;
    for (const line of describeRefusals(refusals)) log.info(`${line}; using ${transport.name}`);
    try {
      const first = this.#generations.current;
      await first.prepared;
      onEvent(describeStart(claim.record));
      first.go();
      this.#options.onStep?.('go');
      this.#hintIfNothingListens(this.#forwards);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  #guestEnded(end: GenerationEnd): void {
    const conclusion = this.#describeEnd(end);
    const { onGuestEnd } = this.#options;
    if (this.#stopStatus === undefined && onGuestEnd !== undefined) return onGuestEnd(conclusion);
    this.finish(conclusion);
  }

  #hintIfNothingListens(forwards: Forwards): void {
    setTimeout(() => {
      const { silent, listening } = forwards;
      if (silent.length === 0 || this.#stopStatus !== undefined) return;
      const instead =
        listening.length === 0
          ? `${this.name} listens on no port`
          : `${this.name} listens on ${listening.join(', ')}`;
      this.#options.onEvent({
        type: 'notice',
        text: `nothing listens on process port ${silent.join(', ')} after ${LISTEN_HINT_MS / 1000} s (${instead})`,
      });
    }, LISTEN_HINT_MS).unref();
  }

  #describeEnd(end: GenerationEnd): SandboxEnd | WasmrunError {
    if (end.failure !== undefined) return end.failure;
    if (this.#stopStatus !== undefined) return { status: this.#stopStatus, reason: 'stopped' };
    if (end.said !== undefined) return end.said;
    return end.signal === null ? failureOf(end) : { status: end.status, reason: 'killed' };
  }
}

const describeStart = ({ name, enclosure }: SandboxRecord): SandboxEvent => {
  const { isolation } = enclosure;
  if (isolation !== 'namespace') return { type: 'started', name, isolation };
  const { namespace, link } = enclosure;
  return { type: 'started', name, isolation, namespace, address: link.sandboxAddress };
};
