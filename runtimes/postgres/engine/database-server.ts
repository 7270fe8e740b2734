/**
 * A server as PostgreSQL's postmaster is one, with a backend for each client: the first backend makes what they share and
 * serves nobody, and ends last.
 */
import type { EngineServices } from '../../../src/engine/driver.ts';
import { FDFLAG } from '../../../src/engine/descriptor.ts';
import type { Listener } from '../../../src/engine/listeners.ts';
import type { GuestMount } from '../../../src/engine/mount-table.ts';
import { POLLIN } from '../../../src/engine/poll-events.ts';
import { WasmrunError } from '../../../src/errors.ts';
import type { PostgresOptions } from '../postgres-options.ts';
import type { BackendClient } from './backend-client.ts';
import { createBackend } from './backend.ts';
import type { Backend, BackendHost } from './backend.ts';
import { BackendLife } from './backend-life.ts';
import { makeCheckpoints } from './checkpoints.ts';
import { ClientAdmission } from './client-admission.ts';
import { DatabaseSetup } from './database-setup.ts';
import type { InitFile } from './database-setup.ts';
import type { DataDirectory } from './data-directory.ts';
import { InnerSession } from './inner-session.ts';
import type { SessionUser } from './inner-session.ts';
import { LogStream } from './log-stream.ts';
import { shareMemory } from './membership.ts';
import type { SharedMemory } from './membership.ts';
import { RelationFiles } from './relation-files.ts';
import { isSameSecret } from './same-secret.ts';
import { commandLine, UNLOGGED } from './server-parameters.ts';
import { sessionSettings } from './session-settings.ts';
import { SharedSegments } from './shared-segments.ts';
import { Stacks } from './stacks.ts';
import { writeFatalError } from './startup-message.ts';
import type { FatalError } from './startup-message.ts';
import { Exit, FIRST_PID } from './syscalls/process-calls.ts';

/** As in every installation of PostgreSQL. */
const PORT = 5432;
/** Whom a new data directory knows. */
const SUPERUSER = 'postgres';
/** signal(7) */
const SIGINT = 2;
const SIGTERM = 15;
/** SQLSTATE (PostgreSQL 18 documentation, appendix A). */
const ADMIN_SHUTDOWN = '57P01';

export interface DatabaseOptions extends Pick<BackendHost, 'module' | 'env'> {
  readonly mounts: readonly GuestMount[];
  readonly options: PostgresOptions;
  readonly directory: DataDirectory;
  /** Whether there is nothing in the directory yet but what every new one has. */
  readonly isNew: boolean;
  readonly initFiles: readonly InitFile[];
}

export class DatabaseServer {
  readonly #services: EngineServices;
  readonly #options: DatabaseOptions;
  readonly #stacks: Stacks;
  readonly #host: BackendHost;
  readonly #admission: ClientAdmission;
  readonly #backends = new Map<number, Backend>();
  #shared!: SharedMemory;
  #lastPid = FIRST_PID;
  #first!: BackendLife;
  readonly #inner = new InnerSession();
  #failure: unknown;
  #isStopping = false;

  constructor(services: EngineServices, options: DatabaseOptions) {
    const { module, env, mounts } = options;
    this.#services = services;
    this.#options = options;
    this.#stacks = new Stacks(services.events);
    this.#host = {
      module,
      env,
      mounts,
      stacks: this.#stacks,
      relations: new RelationFiles(),
      libraries: new Map(),
      segments: new SharedSegments(),
      kill: (pid, signal) => this.#kill(pid, signal),
    };
    this.#admission = new ClientAdmission({
      events: services.events,
      stacks: this.#stacks,
      cancel: (pid, key) => this.#cancel(pid, key),
    });
  }

  /** Serves for ever. */
  async run(): Promise<never> {
    this.#stacks.begin(async () => {
      await this.#startFirst();
      this.#services.control.onStop(() => this.#stop());
      this.#stacks.begin(() => this.#setUp());
      // It hears what the others want of everybody, and ends when they have ended.
      const status = await this.#first.serve();
      if (this.#failure !== undefined) throw this.#failure;
      this.#services.exit(status);
    });
    return this.#stacks.loop();
  }

  /** Makes what is to be there, and lets clients in. */
  async #setUp(): Promise<void> {
    const setup = new DatabaseSetup({
      ...this.#options,
      stacks: this.#stacks,
      server: this.#inner,
      open: (user) => this.#openSession(user),
      notice: (text) => this.#services.notice(text),
    });
    try {
      await setup.run();
    } catch (error) {
      // What has ended because all is to end is no failure.
      if (this.#isStopping) return;
      this.#failure = error;
      this.#stop();
      return;
    }
    if (this.#isStopping) return;
    this.#listen();
    makeCheckpoints({ stacks: this.#stacks, relations: this.#host.relations, client: this.#inner });
  }

  /** A session of the server's own. */
  #openSession(user: SessionUser): InnerSession {
    const session = new InnerSession(user);
    this.#stacks.begin(async () => {
      await this.#serve(session, new Map(Object.entries(user)), (error) => session.fail(error));
      session.fail({ code: ADMIN_SHUTDOWN, message: 'the session has ended' });
    });
    return session;
  }

  async #startFirst(): Promise<void> {
    const backend = createBackend(this.#host, {
      pid: this.#nextPid(),
      stderr: new LogStream(this.#services.streams[2]),
      client: this.#inner,
    });
    this.#first = new BackendLife(backend);
    this.#backends.set(backend.pid, backend);
    await this.#first
      .start(commandLine(SUPERUSER, { ...this.#options.options.parameters, ...UNLOGGED }), SUPERUSER)
      .catch((error: unknown) => {
        if (!(error instanceof Exit)) throw error;
        throw new WasmrunError('APP_NOT_RUNNABLE', 'PostgreSQL does not start', {
          hint: 'Its own words are above.',
        });
      });
    this.#shared = shareMemory(backend);
  }

  #listen(): void {
    const listener = this.#services.listeners.preopen(PORT);
    if (typeof listener === 'number') {
      throw new WasmrunError('ENGINE_FAILED', `cannot listen on port ${PORT}: errno ${-listener}`);
    }
    listener.setFlags(FDFLAG.nonblock);
    this.#services.events.watch(listener, POLLIN, () => this.#accept(listener));
  }

  #accept(listener: Listener): void {
    for (;;) {
      const socket = listener.accept();
      if (typeof socket === 'number') return;
      this.#stacks.begin(async () => {
        const client = await this.#admission.admit(socket);
        if (client === undefined) return;
        const { connection, parameters } = client;
        await this.#serve(connection, parameters, (error) => connection.sendBytes(writeFatalError(error)));
        connection.socket.close();
      });
    }
  }

  /** @param refuse - tells the client why there is no backend for it */
  async #serve(
    client: BackendClient,
    parameters: ReadonlyMap<string, string>,
    refuse: (error: FatalError) => void,
  ): Promise<void> {
    const stderr = new LogStream(this.#services.streams[2]);
    const backend = createBackend(this.#host, {
      pid: this.#nextPid(),
      shared: this.#shared,
      stderr,
      client,
    });
    this.#backends.set(backend.pid, backend);
    const user = parameters.get('user') ?? '';
    const life = new BackendLife(backend);
    try {
      await life.start(
        commandLine(parameters.get('database') ?? user, this.#options.options.parameters),
        user,
      );
      await ((await life.greet(sessionSettings(parameters))) ? life.serve() : life.end());
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
      refuse(stderr.fatalError ?? { code: 'XX000', message: 'the connection could not be started' });
    } finally {
      this.#backends.delete(backend.pid);
      backend.close();
    }
    if (this.#isStopping) this.#stopWhenAlone();
  }

  /** What nobody knows the key of is left alone, and nobody is told (src/backend/postmaster/postmaster.c). */
  #cancel(pid: number, key: Buffer): void {
    const own = this.#backends.get(pid)?.cancelKey;
    if (own !== undefined && isSameSecret(own, key)) this.#kill(pid, SIGINT);
  }

  #kill(pid: number, signal: number): boolean {
    const backend = this.#backends.get(pid);
    if (backend !== undefined && signal !== 0) backend.signal(signal);
    return backend !== undefined;
  }

  /** As a postmaster stops fast: transactions that are under way are given up, what is committed is brought to disk. */
  #stop(): boolean {
    if (this.#isStopping) return true;
    this.#isStopping = true;
    this.#services.listeners.pause();
    for (const backend of this.#backends.values()) {
      if (backend !== this.#first.backend) backend.signal(SIGTERM);
    }
    this.#stopWhenAlone();
    return true;
  }

  /** The first backend ends last, with a checkpoint. */
  #stopWhenAlone(): void {
    if (this.#backends.size === 1) this.#first.backend.endClient();
  }

  #nextPid(): number {
    this.#lastPid += 1;
    return this.#lastPid;
  }
}
