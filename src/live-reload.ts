/**
 * What a change of files does to a running sandbox: the app is built, its settings are read again, and a new
 * version of it takes the place of the one that runs, or an error is shown and that goes on. Also what happens
 * when the app ends by itself.
 */
import { relative } from 'node:path';
import { WasmrunError, toErrorDocument } from './errors.ts';
import type { Log } from './log.ts';
import type { SandboxDefinition } from './sandbox/definition.ts';
import type { SandboxEvent } from './sandbox/events.ts';
import type { ReloadPolicy } from './watch/reload-policy.ts';
import type { Sandbox, SandboxEnd } from './sandbox/sandbox.ts';

/**
 * What is done when the app has ended by itself: `wait` starts a crashed one again a few times and then waits for a
 * change, as is best for somebody who edits it; the others are restart policies as Docker has them.
 */
export type WhenEnded = 'wait' | 'no' | 'on-failure' | 'always';

export interface LiveReloadOptions {
  /** Absolute directory that changed files are told relative to. */
  readonly directory: string;
  /** Absolute path of the configuration file, where there is one. */
  readonly configFile: string | undefined;
  readonly policy: ReloadPolicy;
  /** How long connections in flight may take to finish, in ms. */
  readonly graceMs: number;
  readonly whenEnded: WhenEnded;
  /**
   * Reads the settings again and makes the app ready.
   * @param build - run the build, where there is one
   * @param signal - ends that build
   * @throws {WasmrunError}
   */
  readonly refresh: (build: boolean, signal: AbortSignal) => Promise<SandboxDefinition>;
  readonly log: Log;
  readonly onEvent: (event: SandboxEvent) => void;
}

/** A crashed app is started again after this many ms, twice as many each time, until it has run for a while. */
const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 60_000;
const MOST_CRASHES = 5;
const STABLE_MS = 10_000;
/** Parts of a definition that a new version cannot bring: the sandbox itself is made from them. */
const FIXED = ['name', 'prefix', 'isolation', 'transport', 'addressPools', 'user'] as const;

interface Reason {
  readonly files: ReadonlySet<string>;
  /** performance.now() of the first change. */
  readonly since: number;
}

export class LiveReload implements AsyncDisposable {
  readonly #options: LiveReloadOptions;
  #definition: SandboxDefinition;
  #sandbox: Sandbox | undefined;
  /** How the app ended before this began. */
  #earlyEnd: SandboxEnd | WasmrunError | undefined;
  #pending: Reason | undefined;
  /** Files whose change no version has: the attempts failed. */
  #undone: ReadonlySet<string> = new Set();
  /** What is being done, until it is done. */
  #work: Promise<void> | undefined;
  /** Gives up the attempt that is under way. */
  #attempt: AbortController | undefined;
  #backoff: NodeJS.Timeout | undefined;
  #crashes = 0;
  #restarts = 0;
  #startedAt = performance.now();
  #isDisposed = false;

  constructor(options: LiveReloadOptions, definition: SandboxDefinition) {
    this.#options = options;
    this.#definition = definition;
  }

  /** How often the app was started again after it had ended by itself. */
  get restarts(): number {
    return this.#restarts;
  }

  /** The sandbox runs; what has changed since the app was read is done now. */
  begin(sandbox: Sandbox): void {
    this.#sandbox = sandbox;
    if (this.#pending !== undefined) this.#request([]);
    else if (this.#earlyEnd !== undefined) this.guestEnded(this.#earlyEnd);
  }

  /** Files have changed; absolute paths. */
  changed(files: readonly string[]): void {
    const { directory, policy, onEvent } = this.#options;
    if (policy === 'none') {
      const names = files.map((file) => relative(directory, file)).join(', ');
      onEvent({ type: 'notice', text: `${names} changed; reload is off` });
      return;
    }
    this.#crashes = 0;
    this.#request(files);
  }

  /** A new version because somebody wants one. */
  restart(): void {
    this.#crashes = 0;
    this.#request([]);
  }

  /** The version in charge has ended by itself. */
  guestEnded(end: SandboxEnd | WasmrunError): void {
    const sandbox = this.#sandbox;
    this.#earlyEnd = end;
    if (this.#isDisposed || sandbox === undefined) return;
    const { onEvent, whenEnded } = this.#options;
    const isFailure = end instanceof WasmrunError;
    const how = isFailure ? end.message : `${sandbox.name} ended (${end.reason}) with status ${end.status}`;
    const isDone = !isFailure && end.status === 0 && end.reason === 'exit';
    if (whenEnded === 'no' || (whenEnded === 'on-failure' && isDone)) return sandbox.finish(end);
    if (whenEnded === 'wait' && isDone) {
      onEvent({ type: 'notice', text: `${how}; waiting for a change` });
      return;
    }
    if (performance.now() - this.#startedAt > STABLE_MS) this.#crashes = 0;
    this.#startAgainLater(how);
  }

  /** @param how - what became of the last one */
  #startAgainLater(how: string): void {
    const { onEvent, whenEnded } = this.#options;
    this.#crashes += 1;
    if (whenEnded === 'wait' && this.#crashes > MOST_CRASHES) {
      onEvent({ type: 'notice', text: `${how}, ${this.#crashes} times in a row; waiting for a change` });
      return;
    }
    const delay = Math.min(FIRST_BACKOFF_MS * 2 ** (this.#crashes - 1), LONGEST_BACKOFF_MS);
    this.#restarts += 1;
    onEvent({ type: 'notice', text: `${how}; starting it again in ${delay} ms` });
    clearTimeout(this.#backoff);
    this.#backoff = setTimeout(() => this.#request([]), delay);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    clearTimeout(this.#backoff);
    this.#attempt?.abort();
    await this.#work;
  }

  #request(files: readonly string[]): void {
    if (this.#isDisposed) return;
    clearTimeout(this.#backoff);
    const since = this.#pending?.since ?? performance.now();
    this.#pending = { files: new Set([...(this.#pending?.files ?? []), ...files]), since };
    if (this.#sandbox === undefined) return;
    // What is about to start is out of date already.
    this.#attempt?.abort();
    this.#work ??= this.#workOff().finally(() => (this.#work = undefined));
  }

  async #workOff(): Promise<void> {
    while (this.#pending !== undefined && !this.#isDisposed) {
      const reason = this.#pending;
      this.#pending = undefined;
      this.#attempt = new AbortController();
      const { signal } = this.#attempt;
      try {
        await this.#reload(reason, signal);
      } catch (error) {
        if (signal.aborted) this.#takeBack(reason);
        else if (error instanceof WasmrunError) this.#failed(reason, error);
        else throw error;
      }
    }
  }

  async #reload({ files, since }: Reason, signal: AbortSignal): Promise<void> {
    const sandbox = this.#running;
    const { policy, graceMs, configFile, refresh, onEvent } = this.#options;
    const isConfigOnly = files.size > 0 && [...files, ...this.#undone].every((file) => file === configFile);
    const definition = await refresh(!isConfigOnly, signal);
    if (signal.aborted) return this.#takeBack({ files, since });
    this.#warnOfFixed(definition);
    const isSameApp = isConfigOnly && appOf(definition) === appOf(this.#definition);
    const { needsNewVersion } = await sandbox.ports.change(definition.forwards);
    this.#definition = definition;
    if (isSameApp && !needsNewVersion) {
      this.#undone = new Set();
      return;
    }
    const mode = policy === 'restart' ? 'restart' : 'overlap';
    const { number } = await sandbox.replace({ definition, mode, graceMs, signal });
    this.#startedAt = performance.now();
    this.#undone = new Set();
    onEvent({ type: 'reloaded', generation: number, files: this.#namesOf(files), ms: msSince(since) });
  }

  get #running(): Sandbox {
    if (this.#sandbox === undefined) throw new Error('live reload has not begun');
    return this.#sandbox;
  }

  /** The next attempt is for these, too. */
  #takeBack({ files, since }: Reason): void {
    if (this.#isDisposed) return;
    const later = this.#pending?.files ?? [];
    this.#pending = { files: new Set([...files, ...later]), since };
  }

  #failed({ files, since }: Reason, error: WasmrunError): void {
    const { onEvent } = this.#options;
    this.#undone = this.#undone.union(files);
    const { isOver, number } = this.#running.generation;
    // The next attempt after a crash, not the next version.
    if (files.size === 0 && isOver) return this.#startAgainLater(error.message);
    onEvent({
      type: 'reload-failed',
      files: this.#namesOf(files),
      ...toErrorDocument(error),
      ...(!isOver && { serving: number }),
      ms: msSince(since),
    });
  }

  #warnOfFixed(definition: SandboxDefinition): void {
    const changed = FIXED.filter(
      (key) => JSON.stringify(definition[key]) !== JSON.stringify(this.#definition[key]),
    );
    if (changed.length === 0) return;
    this.#options.log.warn(`${changed.join(', ')} changed: that takes effect at the next start`);
  }

  #namesOf(files: ReadonlySet<string>): string[] {
    return [...files].map((file) => relative(this.#options.directory, file));
  }
}

const msSince = (moment: number): number => Math.round(performance.now() - moment);

/** Everything that makes a version of the app. */
const appOf = ({ module, driver, args, env, directories, tmpfs, outbound }: SandboxDefinition): string =>
  JSON.stringify({ module, driver, args, env, directories, tmpfs, outbound });
