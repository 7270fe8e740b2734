/**
 * Backends that share memory, as the processes of a server of PostgreSQL do: the first one makes it, serves nobody, makes
 * checkpoints, and ends last. What one of them has left behind in a crash may be damaged: all others end then, without
 * another look at it, and a new group recovers (src/backend/postmaster/postmaster.c, HandleChildCrash()).
 */
import { WasmrunError } from '../../../src/errors.ts';
import { writeText } from '../../../src/engine/emscripten/c-strings.ts';
import { zeroTerminated } from '../../../src/engine/emscripten/calls.ts';
import type { StandardStream } from '../../../src/engine/stdio.ts';
import { SUPERUSER } from '../postgres-options.ts';
import { vacuumNowAndThen } from './autovacuum.ts';
import type { BackendClient } from './backend-client.ts';
import { createBackend } from './backend.ts';
import type { Backend, BackendHost } from './backend.ts';
import type { BackendImage } from './backend-image.ts';
import { BackendLife } from './backend-life.ts';
import { makeCheckpoints } from './checkpoints.ts';
import { Exit } from './exit.ts';
import { InnerSession } from './inner-session.ts';
import type { SessionUser } from './inner-session.ts';
import type { Answer } from './inner-session.ts';
import { LogStream } from './log-stream.ts';
import { Machine } from './machine.ts';
import { shareMemory } from './membership.ts';
import type { SharedMemory } from './membership.ts';
import { isSameSecret } from './same-secret.ts';
import { commandLine, UNLOGGED } from './server-parameters.ts';
import { sessionSettings } from './session-settings.ts';
import { SharedSegments } from './shared-segments.ts';
import type { FatalError } from './startup-message.ts';
import { VacantMachines } from './vacant-machines.ts';

/** What PostgreSQL takes for the postmaster's process id, as it has never been told of one. */
const POSTMASTER = 0;
/** signal(7) */
const SIGHUP = 1;
const SIGINT = 2;
const SIGTERM = 15;
/** What a backend ends with that has ended itself: 0 at the end of its client, 1 after a fatal error. */
const ORDERLY: ReadonlySet<number> = new Set([0, 1]);

/** PostgreSQL 18 documentation, appendix A: `crash_shutdown`, `admin_shutdown`, `internal_error`, `cannot_connect_now`. */
const CRASHED: FatalError = {
  code: '57P02',
  message: 'terminating connection because of crash of another server process',
};
const ENDED: FatalError = { code: '57P01', message: 'the session has ended' };
const NOT_STARTED: FatalError = { code: 'XX000', message: 'the connection could not be started' };
export const RECOVERING: FatalError = { code: '57P03', message: 'the database system is in recovery mode' };

export interface GroupHost extends Omit<BackendHost, 'segments' | 'kill'> {
  readonly log: StandardStream;
  /** Chosen parameters of PostgreSQL, by name. */
  readonly parameters: Readonly<Record<string, string>>;
  /** A number that no process had before. */
  readonly nextPid: () => number;
  /** A line the user should read. */
  readonly notice: (text: string) => void;
}

export class BackendGroup {
  readonly #host: GroupHost;
  readonly #backendHost: BackendHost;
  readonly #backends = new Map<number, Backend>();
  readonly #clients = new Map<Backend, BackendClient>();
  readonly #first: BackendLife;
  /** A session of the server's own, in the database `postgres`: nothing of it is logged. */
  readonly server = new InnerSession();
  /** What it was when others could begin as copies of it. */
  #image: BackendImage | undefined;
  #shared: SharedMemory | undefined;
  readonly #vacant: VacantMachines;
  #hasCrashed = false;
  #isStopping = false;
  #onAlone: () => void = () => {};

  private constructor(host: GroupHost) {
    this.#host = host;
    this.#vacant = new VacantMachines(host.stacks);
    const kill = (pid: number, signal: number): boolean => this.#kill(pid, signal);
    this.#backendHost = { ...host, segments: new SharedSegments(), kill };
    const [pid, machine] = [host.nextPid(), new Machine(host)];
    const stderr = new LogStream(host.log);
    const onImage = (image: BackendImage): void => void (this.#image = image);
    this.#first = new BackendLife(
      createBackend(this.#backendHost, { pid, machine, stderr, client: this.server, onImage }),
    );
    this.#backends.set(pid, this.#first.backend);
  }

  /**
   * A group of only the first backend, which has recovered what there was to be.
   * @throws {WasmrunError} where PostgreSQL does not start
   */
  static async start(host: GroupHost): Promise<BackendGroup> {
    const group = new BackendGroup(host);
    const first = group.#first;
    await first.start(commandLine(SUPERUSER, host.parameters), SUPERUSER).catch((error: unknown) => {
      if (!(error instanceof Exit)) throw error;
      throw new WasmrunError('APP_NOT_RUNNABLE', 'PostgreSQL does not start', {
        hint: 'Its own words are above.',
      });
    });
    // The others are copies of what it was before.
    first.set(Object.entries(UNLOGGED));
    group.#shared = shareMemory(first.backend.memory, group.#image!);
    return group;
  }

  /** Lasts until all have ended: what the first one's exit status is, or undefined where one of them has crashed. */
  async run(): Promise<number | undefined> {
    const { stacks, relations } = this.#host;
    using _checkpoints = makeCheckpoints({ stacks, relations, client: this.server });
    using _vacuum = vacuumNowAndThen({ stacks, server: this.server, open: (user) => this.open(user) });
    // It hears what the others want of everybody, and ends when they have ended.
    const { backend } = this.#first;
    const status = await this.#untilEnd(backend, () => this.#first.serve());
    this.server.fail(this.#hasCrashed ? CRASHED : ENDED);
    this.#remove(backend);
    if (this.#backends.size > 0) await stacks.suspend<void>((resume) => (this.#onAlone = () => resume()));
    this.#vacant[Symbol.dispose]();
    this.#shared?.[Symbol.dispose]();
    this.#backendHost.segments[Symbol.dispose]();
    return this.#hasCrashed ? undefined : status;
  }

  /** What a parameter is set to that the server has for good; numbers are in its own unit. */
  setting(name: string): string {
    const { exports, memory } = this.#first.backend;
    const value = exports.GetConfigOption(writeText(exports, memory, name), 0, 0);
    memory.refresh();
    return zeroTerminated(memory, value).toString('latin1');
  }

  /** Has the first backend carry out a command, which sees everything. */
  ask(sql: string): Promise<Answer> {
    return this.#host.stacks.suspend((resume) => this.server.query(sql, resume));
  }

  /** Lasts as long as the client's backend does; what the client is still to be told, if anything. */
  async serve(
    client: BackendClient,
    user: string,
    parameters: ReadonlyMap<string, string>,
  ): Promise<FatalError | undefined> {
    if (this.#hasCrashed) return RECOVERING;
    const stderr = new LogStream(this.#host.log);
    const shared = this.#shared!;
    const machine = this.#vacant.take() ?? new Machine(this.#host, shared.image);
    const backend = createBackend(this.#backendHost, {
      pid: this.#host.nextPid(),
      machine,
      shared,
      stderr,
      client,
    });
    this.#backends.set(backend.pid, backend);
    this.#clients.set(backend, client);
    const life = new BackendLife(backend);
    const database = parameters.get('database') ?? user;
    let hasBegun = false;
    await this.#untilEnd(backend, async () => {
      await life.startCopy(database, user);
      hasBegun = true;
      return (await life.greet(sessionSettings(parameters))) ? life.serve() : life.end();
    });
    this.#remove(backend);
    if (this.#isStopping) this.#stopWhenAlone();
    if (this.#hasCrashed) return CRASHED;
    return hasBegun ? undefined : (stderr.fatalError ?? NOT_STARTED);
  }

  /** Another session of the server's own. */
  open(user: SessionUser): InnerSession {
    const session = new InnerSession(user);
    this.#host.stacks.begin(async () =>
      session.fail((await this.serve(session, user.user, new Map(Object.entries(user)))) ?? ENDED),
    );
    return session;
  }

  /** What nobody knows the key of is left alone, and nobody is told (src/backend/postmaster/postmaster.c). */
  cancel(pid: number, key: Buffer): void {
    const own = this.#backends.get(pid)?.cancelKey;
    if (own !== undefined && isSameSecret(own, key)) this.#kill(pid, SIGINT);
  }

  /** Ends sessions that have nothing to do; how many there are that have. */
  endIdle(): number {
    for (const [backend, client] of this.#clients) if (client.isIdle) backend.signal(SIGTERM);
    return [...this.#clients.values()].filter(({ isIdle }) => !isIdle).length;
  }

  /** As a postmaster stops fast: transactions that are under way are given up, what is committed is brought to disk. */
  stop(): void {
    if (this.#hasCrashed) return;
    this.#isStopping = true;
    for (const backend of this.#backends.values()) {
      if (backend !== this.#first.backend) backend.signal(SIGTERM);
    }
    this.#stopWhenAlone();
  }

  #remove(backend: Backend): void {
    this.#backends.delete(backend.pid);
    this.#clients.delete(backend);
    backend.close();
    const { machine } = backend;
    // What has crashed may still have something on its stack.
    if (machine.vacate() && !this.#hasCrashed) this.#vacant.put(machine);
    if (this.#backends.size === 0) this.#onAlone();
  }

  /** Its exit status. */
  async #untilEnd(backend: Backend, life: () => Promise<number>): Promise<number> {
    const end = await life().catch((error: unknown) => (error instanceof Exit ? error.status : error));
    if (typeof end === 'number' && (ORDERLY.has(end) || this.#hasCrashed)) return end;
    this.#crash(backend, typeof end === 'number' ? `it ended with status ${end}` : String(end));
    return 1;
  }

  #crash(crashed: Backend, reason: string): void {
    if (this.#hasCrashed) return;
    this.#hasCrashed = true;
    this.#host.notice(`PostgreSQL's process ${crashed.pid} has crashed, all sessions end: ${reason}`);
    for (const backend of this.#backends.values()) if (backend !== crashed) backend.kill();
  }

  #kill(pid: number, signal: number): boolean {
    if (pid === POSTMASTER) return signal === SIGHUP && this.#reload();
    const backend = this.#backends.get(pid);
    if (backend !== undefined && signal !== 0) backend.signal(signal);
    return backend !== undefined;
  }

  /** As a postmaster does with pg_reload_conf(): all read the files of settings again, when they are spoken to next. */
  #reload(): boolean {
    for (const backend of this.#backends.values()) backend.signal(SIGHUP);
    return true;
  }

  /** The first backend ends last, with a checkpoint. */
  #stopWhenAlone(): void {
    if (this.#backends.size === 1) this.#first.backend.endClient();
  }
}
