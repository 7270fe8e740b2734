/** What a backend does from its start to its end. */
import { writeText, writeTexts } from '../../../src/engine/emscripten/c-strings.ts';
import type { Backend } from './backend.ts';
import { commandLoop } from './command-loop.ts';
import { CANCEL_KEY, USER_NAME } from './static-variables.ts';
import { Exit } from './exit.ts';

/** pglite's pglitec.c: the status of an exit(3) after which the backend can go on. */
const ALIVE = 99;
/** The same: the status of an exit(3) that stands for a jump to the main loop. */
const JUMP_TO_LOOP = 100;

/** src/include/utils/guc.h: `GucContext` and `GucSource`. */
const CONTEXT = { superuserBackend: 3, backend: 4 } as const;
const SOURCE_CLIENT = 9;

/** A backend's process: its functions run on stacks that can be suspended. */
export class BackendLife {
  readonly backend: Backend;

  constructor(backend: Backend) {
    this.backend = backend;
  }

  /**
   * Starts it from nothing, up to where it takes commands.
   * @param args - `argv`, the program's name first
   * @throws {Exit} where PostgreSQL has refused, and said why on its standard error
   */
  async start(args: readonly string[], user: string): Promise<void> {
    const { exports, memory, pid } = this.backend;
    exports.__wasm_call_ctors();
    this.#introduce(user);
    memory.view.setInt32(exports.MyProcPid.value, pid, true);
    exports.pgl_setPGliteActive(1);
    const values = writeTexts(exports, memory, args);
    await this.#become(() => WebAssembly.promising(exports.__main_argc_argv)(args.length, values));
  }

  /** The same for a session, from where the first one was when others could begin as copies of it. */
  async startCopy(database: string, user: string): Promise<void> {
    const { backend } = this;
    const { exports, memory } = backend;
    backend.join();
    this.#introduce(user);
    const name = writeText(exports, memory, database);
    await WebAssembly.promising(exports.InitProcess)();
    await this.#become(() => WebAssembly.promising(exports.PostgresMain)(name, USER_NAME.address));
  }

  /** Whom it is for, and by what its cancelling is known. */
  #introduce(user: string): void {
    const { memory, cancelKey } = this.backend;
    memory.slice(USER_NAME.address, USER_NAME.size).fill(0);
    memory
      .slice(USER_NAME.address, USER_NAME.size - 1)
      .set(Buffer.from(user).subarray(0, USER_NAME.size - 1));
    memory.slice(CANCEL_KEY.address, CANCEL_KEY.size).set(cancelKey);
  }

  /** @param main - ends the process, but for what is alive then */
  async #become(main: () => Promise<unknown>): Promise<void> {
    const status = await main().catch(statusOf);
    if (status !== ALIVE) throw new Exit(Number(status));
    await WebAssembly.promising(this.backend.exports.pgl_startPGlite)();
  }

  /**
   * Reads the start-up packet again, and tells the client that it is in. False where it has been told that it is not.
   * @param settings - names and values that the client wants
   */
  async greet(settings: readonly (readonly [name: string, value: string])[]): Promise<boolean> {
    const { exports } = this.backend;
    const port = exports.pgl_getMyProcPort();
    if ((await WebAssembly.promising(exports.ProcessStartupPacket)(port, 1, 1)) !== 0) return false;
    try {
      this.set(settings);
    } catch (error) {
      if (statusOf(error) !== JUMP_TO_LOOP) throw error;
      await WebAssembly.promising(exports.PostgresMainLongJmp)();
      await WebAssembly.promising(exports.pgl_pq_flush)();
      return false;
    }
    await WebAssembly.promising(exports.pgl_sendConnData)();
    await WebAssembly.promising(exports.pgl_pq_flush)();
    return true;
  }

  /** As process_startup_options() does (src/backend/utils/init/postinit.c). */
  set(settings: readonly (readonly [name: string, value: string])[]): void {
    const { exports, memory, preemption } = this.backend;
    preemption.end();
    const context = exports.superuser() === 0 ? CONTEXT.backend : CONTEXT.superuserBackend;
    exports.StartTransactionCommand();
    for (const [name, value] of settings) {
      const [nameAddress, valueAddress] = [name, value].map((text) => writeText(exports, memory, text));
      exports.SetConfigOption(nameAddress!, valueAddress!, context, SOURCE_CLIENT);
    }
    exports.CommitTransactionCommand();
  }

  /** Does what the client says until there is nothing more to be said; resolves with the exit status. */
  async serve(): Promise<number> {
    const { exports, stackPointer } = this.backend;
    const loop = commandLoop(exports.PostgresSendReadyForQueryIfNecessary, exports.PostgresMainLoopOnce);
    const go = WebAssembly.promising(loop);
    const recover = WebAssembly.promising(exports.PostgresMainLongJmp);
    const top = stackPointer.value;
    for (let step = go; ;) {
      try {
        await step();
        step = go;
      } catch (error) {
        const status = statusOf(error);
        // pglite would have it serve somebody else; the end of its client ends it for good.
        if (status === ALIVE) return this.end();
        if (status !== JUMP_TO_LOOP) return status;
        stackPointer.value = top;
        step = step === recover ? go : recover;
      }
    }
  }

  /** Ends it as the end of its client does; resolves with the exit status. */
  end(): Promise<number> {
    this.backend.exports.pgl_setPGliteActive(0);
    this.backend.endClient();
    return WebAssembly.promising(this.backend.exports.PostgresMainLoopOnce)().then(() => {
      throw new Error('PostgreSQL goes on without a client');
    }, statusOf);
  }
}

/** The status of an exit; what is none is thrown again. */
const statusOf = (error: unknown): number => {
  if (error instanceof Exit) return error.status;
  throw error;
};
