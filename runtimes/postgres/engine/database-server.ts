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
import { InnerSession } from './inner-session.ts';
import { createBackend } from './backend.ts';
import type { Backend, BackendHost } from './backend.ts';
import { BackendLife } from './backend-life.ts';
import { makeCheckpoints } from './checkpoints.ts';
import { ClientAdmission } from './client-admission.ts';
import type { Client } from './client-admission.ts';
import { LoginRules } from './login-rules.ts';
import { LogStream } from './log-stream.ts';
import { shareMemory } from './membership.ts';
import type { SharedMemory } from './membership.ts';
import { RelationFiles } from './relation-files.ts';
import { isSameSecret } from './same-secret.ts';
import { commandLine } from './server-parameters.ts';
import { sessionSettings } from './session-settings.ts';
import { SharedSegments } from './shared-segments.ts';
import { Stacks } from './stacks.ts';
import { writeFatalError } from './startup-message.ts';
import { Exit, FIRST_PID } from './syscalls/process-calls.ts';

/** As in every installation of PostgreSQL. */
const PORT = 5432;
/** Whom a new data directory knows. */
const SUPERUSER = 'postgres';
/** signal(7) */
const SIGINT = 2;
const SIGTERM = 15;

export interface DatabaseOptions extends Pick<BackendHost, 'module' | 'env'> {
  readonly mounts: readonly GuestMount[];
  readonly options: PostgresOptions;
}

export class DatabaseServer {
  readonly #services: EngineServices;
  readonly #options: PostgresOptions;
  readonly #stacks: Stacks;
  readonly #host: BackendHost;
  readonly #inner: InnerSession;
  readonly #rules: LoginRules;
  readonly #admission: ClientAdmission;
  readonly #backends = new Map<number, Backend>();
  #shared!: SharedMemory;
  #lastPid = FIRST_PID;
  #first!: BackendLife;
  #isStopping = false;

  constructor(services: EngineServices, { module, env, mounts, options }: DatabaseOptions) {
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
    this.#inner = new InnerSession(this.#stacks);
    this.#rules = new LoginRules(this.#inner, options.password !== undefined);
    this.#admission = new ClientAdmission({
      events: services.events,
      stacks: this.#stacks,
      cancel: (pid, key) => this.#cancel(pid, key),
      rules: this.#rules,
    });
  }

  /** Serves for ever. */
  async run(): Promise<never> {
    this.#stacks.begin(async () => {
      await this.#startFirst();
      this.#services.control.onStop(() => this.#stop());
      this.#stacks.begin(() => this.#open());
      // It hears what the others want of everybody, and ends when they have ended.
      this.#services.exit(await this.#first.serve());
    });
    return this.#stacks.loop();
  }

  /** From here on the first backend answers. */
  async #open(): Promise<void> {
    await this.#rules.read();
    this.#listen();
    makeCheckpoints({ stacks: this.#stacks, relations: this.#host.relations, client: this.#inner });
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
      .start(commandLine(SUPERUSER, this.#options.parameters), SUPERUSER)
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
        using client = await this.#admission.admit(socket);
        if (client !== undefined) await this.#serve(client);
      });
    }
  }

  async #serve({ connection, user, parameters }: Client): Promise<void> {
    const stderr = new LogStream(this.#services.streams[2]);
    const backend = createBackend(this.#host, {
      pid: this.#nextPid(),
      shared: this.#shared,
      stderr,
      client: connection,
    });
    this.#backends.set(backend.pid, backend);
    const life = new BackendLife(backend);
    try {
      await life.start(commandLine(parameters.get('database') ?? user, this.#options.parameters), user);
      await ((await life.greet(sessionSettings(parameters))) ? life.serve() : life.end());
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
      const fatal = stderr.fatalError ?? { code: 'XX000', message: 'the connection could not be started' };
      connection.sendBytes(writeFatalError(fatal));
    } finally {
      this.#backends.delete(backend.pid);
      backend.close();
      connection.socket.close();
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
