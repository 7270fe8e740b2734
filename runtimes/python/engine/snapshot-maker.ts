/**
 * Makes the snapshot that later starts of an app go on from: an interpreter that has imported what the app will import.
 * The packages' code runs here as it would run in the app, in the same hardened engine, with less: no network, no
 * output, no file that could be changed, none of the app's variables. What misses something of that when it is imported,
 * or takes with it what every process should have for itself (randomness, threads, open files), is left to the app.
 */
import type { EngineServices } from '../../../src/engine/driver.ts';
import { FdTable } from '../../../src/engine/fd-table.ts';
import type { GuestMount } from '../../../src/engine/mount-table.ts';
import { createInterpreter, initialMemory } from './interpreter.ts';
import type { Interpreter, Program } from './interpreter.ts';
import { IsolatedStream, isolatedServices } from './isolated-services.ts';
import { ObservedFileSystem, fileIdentity } from './observed-files.ts';
import { hasOwn } from './snapshot-description.ts';
import type { InterpreterState, SnapshotDescription, Start } from './snapshot-description.ts';
import { findConfigAddresses, initialize, pythonList, runText } from './start-in-steps.ts';

export interface SnapshotPlan {
  readonly program: Program;
  readonly mounts: readonly GuestMount[];
  /** Guest paths of in-memory file systems: what is there every process finds anew. */
  readonly tmpfs: readonly string[];
  readonly events: EngineServices['events'];
  readonly start: Start;
}

export interface Snapshot {
  readonly description: SnapshotDescription;
  /** The whole memory; empty where the app cannot be started from a snapshot. */
  readonly memory: Uint8Array;
}

/** So often it is tried again without what was not fit: that may be found again behind the next name. */
const MOST_ATTEMPTS = 4;
/** Where the guest says what it does. */
const REPORT_FD = 3;
/** So many descriptors are looked at for what a package has left open. */
const MOST_FDS = 64;

/** Imports as much as can be; that something cannot be shows only when it was tried. */
export const makeSnapshot = async (plan: SnapshotPlan): Promise<Snapshot> => {
  const seen = new Set<string>();
  let names = plan.start.conditions.imports;
  for (let count = 1; ; count += 1) {
    const attempt = new Attempt(plan);
    const made = await attempt.run(names).catch(() => undefined);
    for (const path of attempt.files.seen) seen.add(path);
    const isShadowed = made !== undefined && hasOwn(made.state.modules, plan.start);
    const unfit = made === undefined || isShadowed ? new Set(names) : attempt.unfit;
    if (made !== undefined && !isShadowed && unfit.size === 0) {
      return { description: describe(plan, seen, made), memory: made.memory };
    }
    if (names.length === 0) return { description: describe(plan, seen), memory: new Uint8Array(0) };
    names = count < MOST_ATTEMPTS - 1 ? names.filter((name) => !unfit.has(name)) : [];
  }
};

interface Made {
  readonly state: InterpreterState;
  readonly variables: readonly string[];
  readonly memory: Uint8Array;
}

const describe = (
  { start, mounts, tmpfs }: SnapshotPlan,
  seen: ReadonlySet<string>,
  made?: Made,
): SnapshotDescription => ({
  conditions: start.conditions,
  variables: made?.variables ?? [],
  files: [...seen, start.scriptDirectory]
    .filter((path) => !tmpfs.includes(mountOf(mounts, path)))
    .map((path) => [path, fileIdentity(start.files, path)] as const),
  ...(made !== undefined && { state: made.state }),
});

/** Where the file system begins in which a path is. */
const mountOf = (mounts: readonly GuestMount[], path: string): string =>
  mounts
    .map((mount) => mount.path)
    .filter((each) => path === each || path.startsWith(`${each}/`))
    .reduce((longest, each) => (each.length > longest.length ? each : longest), '');

/** What an interpreter has done that another one could not simply go on from. */
interface Effects {
  readonly count: number;
  readonly randomBytes: number;
}

class Attempt {
  readonly files: ObservedFileSystem;
  /** Of what was imported, what is better not. */
  readonly unfit = new Set<string>();
  readonly #plan: SnapshotPlan;
  readonly #fds = new FdTable();
  readonly #interpreter: Interpreter;
  readonly #variables = new Set<string>();
  #attempts = 0;
  #randomBytes = 0;
  #before: Effects | undefined;
  #modules: readonly string[] | undefined;

  constructor(plan: SnapshotPlan) {
    this.#plan = plan;
    const fds = this.#fds;
    const { environment, memory } = plan.start.conditions;
    const noteAttempt = (): void => {
      this.#attempts += 1;
    };
    for (let fd = 0; fd < REPORT_FD; fd += 1) fds.add(new IsolatedStream(noteAttempt));
    this.files = new ObservedFileSystem(plan.mounts, fds);
    this.files.changeDirectory(plan.start.conditions.workingDirectory);
    this.#interpreter = createInterpreter(plan.program.module, {
      memory: initialMemory(plan.program, memory),
      files: this.files,
      fds,
      services: isolatedServices(plan.events, environment, noteAttempt),
      env: environment,
      onRandom: (length) => {
        this.#randomBytes += length;
      },
    });
    // Whole lines come in one piece.
    fds.add(new IsolatedStream((line) => this.#hear(line.toString().trimEnd().split('\t'))));
  }

  /** Undefined where the interpreter itself did what cannot be gone on from. */
  async run(names: readonly string[]): Promise<Made | undefined> {
    const { exports, memory, threads } = this.#interpreter;
    const state = await threads.run(exports, async () => {
      await initialize(this.#interpreter);
      const config = findConfigAddresses(this.#interpreter);
      await runText(this.#interpreter, `__import__("_wasmrun_snapshot").prepare(${pythonList(names)})`);
      return { config, specific: [...threads.specific] };
    });
    if (this.#modules === undefined || this.#openCount(REPORT_FD) > 0) return undefined;
    memory.refresh();
    return {
      state: { ...state, modules: this.#modules },
      variables: [...this.#variables],
      memory: memory.bytes,
    };
  }

  /** A line of guest/_wasmrun_snapshot.py. */
  #hear([kind, ...fields]: readonly string[]): void {
    const effects = this.#effects();
    if (kind === 'ready' && effects.count === 0) this.#before = effects;
    if (this.#before === undefined) return;
    if (kind === 'imported') {
      const [name = '', hasFailed, renewedBytes, ...variables] = fields;
      const isFit =
        hasFailed === '0' &&
        effects.count === this.#before.count &&
        effects.randomBytes - this.#before.randomBytes === Number(renewedBytes) &&
        variables.every((variable) => this.#noteVariable(variable));
      if (!isFit) this.unfit.add(name);
      this.#before = effects;
    }
    if (kind === 'modules') this.#modules = fields;
  }

  /** Whether the snapshot knows of the variable what the app would see. */
  #noteVariable(name: string): boolean {
    const { env, conditions } = this.#plan.start;
    if (name in conditions.environment) return true;
    this.#variables.add(name);
    return name !== '*' && !(name in env);
  }

  #effects(): Effects {
    const hasMoved = this.files.currentDirectory !== this.#plan.start.conditions.workingDirectory;
    return {
      count: this.#attempts + this.files.attempts + (hasMoved ? 1 : 0) + this.#openCount(REPORT_FD + 1),
      randomBytes: this.#randomBytes,
    };
  }

  /** How many descriptors are open from a number on. */
  #openCount(first: number): number {
    let count = 0;
    for (let fd = first; fd < MOST_FDS; fd += 1) if (this.#fds.get(fd) !== undefined) count += 1;
    return count;
  }
}
