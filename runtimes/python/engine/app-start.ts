/** Starts an app: from a snapshot where there is one for it, and makes that where there is none. */
import { dirname } from 'node:path';
import type { EngineServices } from '../../../src/engine/driver.ts';
import { FDFLAG } from '../../../src/engine/descriptor.ts';
import { FdTable } from '../../../src/engine/fd-table.ts';
import { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import type { GuestMount } from '../../../src/engine/mount-table.ts';
import { createInterpreter, createMemory, exitStatus, initialMemory, runInterpreter } from './interpreter.ts';
import type { Interpreter, Program } from './interpreter.ts';
import { describes, interpreterEnvironment } from './snapshot-description.ts';
import type { InterpreterState, SnapshotConditions, Start } from './snapshot-description.ts';
import type { SnapshotFile } from './snapshot-file.ts';
import { makeSnapshot } from './snapshot-maker.ts';
import { parseCommand, pythonList, runMain, runText } from './start-in-steps.ts';
import type { PythonCommand } from './start-in-steps.ts';

export interface AppOptions {
  readonly mounts: readonly GuestMount[];
  /** Guest paths of in-memory file systems. */
  readonly tmpfs: readonly string[];
  /** `argv`, the interpreter's name first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly conditions: Omit<SnapshotConditions, 'environment'>;
  /** Where the app's snapshot is or is to be; closed before anything of the app runs. */
  readonly snapshot: SnapshotFile | undefined;
}

/** Memory that holds a snapshot. */
interface Restored {
  readonly memory: WebAssembly.Memory;
  readonly state: InterpreterState;
}

export class AppStart {
  readonly #options: AppOptions;
  readonly #fds = new FdTable();
  readonly #files: GuestFileSystem;
  readonly #command: PythonCommand | undefined;
  readonly #start: Start;
  /** `none` where the app is to be started without one. */
  #restored: Restored | 'none' | undefined;

  constructor(options: AppOptions) {
    const { mounts, conditions, args, env } = options;
    this.#options = options;
    this.#files = new GuestFileSystem(mounts, this.#fds);
    this.#files.changeDirectory(conditions.workingDirectory);
    const command = parseCommand(args);
    this.#command = command;
    this.#start = {
      files: this.#files,
      env,
      conditions: { ...conditions, environment: interpreterEnvironment(env) },
      scriptDirectory: command?.kind === 'file' ? dirname(command.name) : conditions.workingDirectory,
    };
    this.#restored = this.#restore();
  }

  /** Runs the app; resolves with its exit status. */
  async run(program: Program, services: EngineServices): Promise<number> {
    const restored = this.#restored ?? (await this.#make(program, services));
    this.#options.snapshot?.close();
    const { args, env } = this.#options;
    for (const stream of services.streams) this.#fds.add(stream);
    // Nobody else is to wait while one thread reads; what is written is written.
    services.streams[0].flags |= FDFLAG.nonblock;
    const limit = this.#options.conditions.memory;
    const memory = restored === 'none' ? initialMemory(program, limit) : restored.memory;
    const [files, fds] = [this.#files, this.#fds];
    const interpreter = createInterpreter(program.module, { memory, files, fds, services, env });
    return restored === 'none' || this.#command === undefined
      ? runInterpreter(interpreter, args)
      : resume(interpreter, restored.state, this.#command, args);
  }

  /** Undefined where a snapshot is to be made first. */
  #restore(): Restored | 'none' | undefined {
    const { snapshot } = this.#options;
    if (snapshot === undefined || this.#command === undefined) return 'none';
    const stored = snapshot.describe();
    if (stored === undefined || !describes(stored.description, this.#start)) return undefined;
    const { state } = stored.description;
    if (state === undefined) return 'none';
    const memory = createMemory(this.#options.conditions.memory, stored.memorySize);
    return snapshot.load(stored, new Uint8Array(memory.buffer)) ? { memory, state } : undefined;
  }

  async #make(program: Program, { events }: EngineServices): Promise<Restored | 'none'> {
    const { mounts, tmpfs, snapshot, conditions } = this.#options;
    const { description, memory: made } = await makeSnapshot({
      program,
      mounts,
      tmpfs,
      events,
      start: this.#start,
    });
    snapshot?.store(description, made);
    if (description.state === undefined) return 'none';
    const memory = createMemory(conditions.memory, made.length);
    new Uint8Array(memory.buffer).set(made);
    return { memory, state: description.state };
  }
}

/** Goes on from a snapshot with an app. */
const resume = (
  interpreter: Interpreter,
  state: InterpreterState,
  command: PythonCommand,
  args: readonly string[],
): Promise<number> => {
  const { exports, threads } = interpreter;
  exports.__emscripten_environ_constructor();
  const lists = [command.argv, args].map((list) => pythonList(list)).join(', ');
  const main = async (): Promise<number> => {
    await runText(interpreter, `__import__("_wasmrun_snapshot").resume(${lists})`);
    return runMain(interpreter, command, state.config);
  };
  return exitStatus(threads.run(exports, main, state.specific));
};
