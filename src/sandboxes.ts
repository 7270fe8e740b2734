/** All sandboxes of a prefix: those that run, by their records, and those that are stored, running or not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { superviseDetached } from './detached-supervisor.ts';
import type { DetachedReport } from './detached-supervisor.ts';
import { WasmrunError } from './errors.ts';
import type { Log } from './log.ts';
import { ControlClient } from './sandbox/control/control-client.ts';
import type { SandboxControl, StopRequest } from './sandbox/control/sandbox-control.ts';
import { logDirectory, removeLog } from './sandbox/log-files.ts';
import type { SandboxRecord } from './sandbox/record.ts';
import { State } from './sandbox/state.ts';
import type { Store } from './sandbox/store.ts';
import type { NewSandbox, StoredSandbox } from './sandbox/stored-sandbox.ts';

/** How long a sandbox may take to stop before it is killed, in ms; and then to be gone. */
const STOP_PATIENCE_MS = 10_000;
const KILL_PATIENCE_MS = 5000;
const POLL_MS = 10;

/** One that runs, is stored, or both. */
export interface SandboxEntry {
  readonly name: string;
  readonly id: string;
  /** While it runs. */
  readonly record?: SandboxRecord;
  /** Where it outlives its supervisor. */
  readonly stored?: StoredSandbox;
}

export class Sandboxes {
  readonly prefix: string;
  readonly #state: State;
  readonly #log: Log;

  /** @param prefix - of all kernel objects' names */
  constructor(prefix: string, log: Log) {
    this.prefix = prefix;
    this.#state = new State(prefix);
    this.#log = log;
  }

  /**
   * In the order of their names.
   * @throws {WasmrunError} PERMISSION_DENIED
   */
  async list(): Promise<SandboxEntry[]> {
    const entries = new Map<string, SandboxEntry>();
    for (const record of this.#records())
      entries.set(record.name, { name: record.name, id: record.id, record });
    for (const stored of await this.#withStore((store) => store.list())) {
      const { name, id } = stored;
      entries.set(name, { ...entries.get(name), name, id, stored });
    }
    return [...entries.values()].toSorted((one, other) => one.name.localeCompare(other.name));
  }

  /**
   * By its name, or by the beginning of its id where there is only one.
   * @throws {WasmrunError} SANDBOX_NOT_FOUND
   */
  async find(nameOrId: string): Promise<SandboxEntry> {
    const entries = await this.list();
    const named = entries.find(({ name }) => name === nameOrId);
    if (named !== undefined) return named;
    const [first, ...others] = entries.filter(({ id }) => nameOrId !== '' && id.startsWith(nameOrId));
    if (first !== undefined && others.length === 0) return first;
    throw notFound(nameOrId, entries);
  }

  /** By its full name. */
  isRunning(name: string): boolean {
    return this.#records().some((record) => record.name === name);
  }

  /**
   * What drives one that runs.
   * @throws {WasmrunError} SANDBOX_NOT_FOUND, SANDBOX_NOT_RUNNING
   */
  async control(
    nameOrId: string,
  ): Promise<{ readonly record: SandboxRecord; readonly control: SandboxControl }> {
    const { name, record } = await this.#findRunning(nameOrId);
    return { record, control: new ControlClient(name, this.#state.controlPath(name)) };
  }

  /**
   * Stores a new one.
   * @throws {WasmrunError} NAME_IN_USE
   */
  async add(sandbox: NewSandbox): Promise<StoredSandbox> {
    const running = this.#records().find(({ name }) => name === sandbox.name);
    if (running !== undefined) {
      throw new WasmrunError(
        'NAME_IN_USE',
        `a sandbox named ${sandbox.name} is running (pid ${running.pid})`,
        {
          hint: 'choose another name with --name, or stop that one',
        },
      );
    }
    return await this.#withStore((store) => store.add(sandbox));
  }

  /**
   * Starts one that is stored, and waits until its app is ready.
   * @param onReport - told what happens until then
   * @throws {WasmrunError} SANDBOX_RUNNING, and whatever keeps it from starting
   */
  async start(nameOrId: string, onReport: (report: DetachedReport) => void): Promise<StoredSandbox> {
    const { name, record, stored } = await this.find(nameOrId);
    if (record !== undefined) {
      throw new WasmrunError('SANDBOX_RUNNING', `${name} is running already`, {
        hint: `wasmrun restart ${name} starts it anew`,
      });
    }
    if (stored === undefined) throw notFound(nameOrId, []);
    await this.#withStore((store) => store.change(name, () => ({ wanted: 'running', ended: null })));
    await superviseDetached(stored, this.prefix, onReport);
    return stored;
  }

  /**
   * Stops one, and waits until nothing of it is left but its definition.
   * @returns false where it did not run
   */
  async stop(nameOrId: string, request: StopRequest = {}): Promise<boolean> {
    const { name, record, stored } = await this.find(nameOrId);
    if (stored !== undefined) {
      await this.#withStore((store) => store.change(name, () => ({ wanted: 'stopped' })));
    }
    if (record === undefined) return false;
    const control = new ControlClient(name, this.#state.controlPath(name));
    await askToStop(control, request);
    if (await this.isGone(record, STOP_PATIENCE_MS + (request.graceMs ?? 0))) return true;
    await askToStop(control);
    if (await this.isGone(record, KILL_PATIENCE_MS)) return true;
    throw new WasmrunError('CONTROL_FAILED', `${name} does not stop (pid ${record.pid})`, {
      hint: `wasmrun explain ${name} says what is wrong with it`,
    });
  }

  /**
   * Forgets one that is stored, its log with it.
   * @param force - stop it before, where it runs
   * @throws {WasmrunError} SANDBOX_NOT_FOUND, SANDBOX_RUNNING
   */
  async remove(nameOrId: string, force: boolean): Promise<SandboxEntry> {
    const entry = await this.find(nameOrId);
    const { name, record, stored } = entry;
    if (record !== undefined && !force) {
      throw new WasmrunError('SANDBOX_RUNNING', `${name} is running`, {
        hint: `stop it before, or type wasmrun rm --force ${name}`,
      });
    }
    if (record !== undefined) await this.stop(name);
    if (stored === undefined) return entry;
    // The last thing in their directory goes last.
    removeLog(logDirectory(this.prefix, name));
    await this.#withStore((store) => store.remove(name));
    return entry;
  }

  async #findRunning(nameOrId: string): Promise<SandboxEntry & { readonly record: SandboxRecord }> {
    const { record, ...entry } = await this.find(nameOrId);
    if (record !== undefined) return { ...entry, record };
    throw new WasmrunError('SANDBOX_NOT_RUNNING', `${entry.name} is stopped`, {
      hint: `wasmrun start ${entry.name} starts it`,
    });
  }

  #records(): SandboxRecord[] {
    const records = this.#state.peek();
    if (records !== undefined) return records;
    throw new WasmrunError('PERMISSION_DENIED', 'this user may not see these sandboxes', {
      hint: 'type it as the user who started them, or with sudo',
    });
  }

  /** Waits until nothing of a sandbox runs any more; a supervisor that is a program of ours has ended then, too. */
  async isGone({ name, pid, isDetached }: SandboxRecord, patienceMs = KILL_PATIENCE_MS): Promise<boolean> {
    const deadline = performance.now() + patienceMs;
    const isThere = (): boolean => this.isRunning(name) || (isDetached && isProcess(pid));
    while (isThere()) {
      if (performance.now() > deadline) return false;
      await sleep(POLL_MS);
    }
    return true;
  }

  /** SQLite is loaded when it is needed. */
  async #withStore<Result>(action: (store: Store) => Promise<Result>): Promise<Result> {
    const { Store } = await import('./sandbox/store.ts');
    await using store = new Store(this.prefix, { log: this.#log });
    return await action(store);
  }
}

const isProcess = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const askToStop = async (control: SandboxControl, request?: StopRequest): Promise<void> => {
  try {
    await control.stop(request);
  } catch (error) {
    // It has stopped meanwhile.
    if (!(error instanceof WasmrunError && error.code === 'SANDBOX_NOT_RUNNING')) throw error;
  }
};

const notFound = (name: string, entries: readonly SandboxEntry[]): WasmrunError => {
  const names = entries.map((entry) => entry.name);
  return new WasmrunError('SANDBOX_NOT_FOUND', `there is no sandbox ${name}`, {
    hint: names.length === 0 ? 'there is none at all' : `there is ${names.join(', ')}`,
  });
};
