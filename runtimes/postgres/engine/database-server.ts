/** A server as PostgreSQL's postmaster is one: takes connections, has a backend for each, and begins anew after a crash. */
import type { EngineServices } from '../../../src/engine/driver.ts';
import { FDFLAG } from '../../../src/engine/descriptor.ts';
import type { Listener } from '../../../src/engine/listeners.ts';
import type { GuestMount } from '../../../src/engine/mount-table.ts';
import { POLLIN } from '../../../src/engine/poll-events.ts';
import { WasmrunError } from '../../../src/errors.ts';
import { BackendGroup, RECOVERING } from './backend-group.ts';
import type { GroupHost } from './backend-group.ts';
import { ClientAdmission } from './client-admission.ts';
import type { Client } from './client-admission.ts';
import { DatabaseSetup } from './database-setup.ts';
import type { SetupHost } from './database-setup.ts';
import type { Answer } from './inner-session.ts';
import { LoginRules } from './login-rules.ts';
import { RelationFiles } from './relation-files.ts';
import { Stacks } from './stacks.ts';
import { writeFatalError } from './startup-message.ts';
import { FIRST_PID } from './syscalls/process-calls.ts';

/** As in every installation of PostgreSQL. */
const PORT = 5432;

export interface DatabaseOptions
  extends
    Pick<GroupHost, 'module' | 'env'>,
    Pick<SetupHost, 'options' | 'directory' | 'isNew' | 'initFiles'> {
  readonly mounts: readonly GuestMount[];
}

export class DatabaseServer {
  readonly #services: EngineServices;
  readonly #options: DatabaseOptions;
  readonly #stacks: Stacks;
  readonly #host: GroupHost;
  readonly #rules: LoginRules;
  readonly #admission: ClientAdmission;
  /** Undefined while it starts. */
  #group: BackendGroup | undefined;
  #isStopping = false;
  /** Why it cannot be used. */
  #failure: unknown;

  constructor(services: EngineServices, options: DatabaseOptions) {
    const { module, env, mounts } = options;
    this.#services = services;
    this.#options = options;
    this.#stacks = new Stacks(services.events);
    let lastPid = FIRST_PID;
    this.#host = {
      module,
      env,
      mounts,
      stacks: this.#stacks,
      relations: new RelationFiles(),
      libraries: new Map(),
      log: services.streams[2],
      parameters: options.options.parameters,
      nextPid: () => (lastPid += 1),
      notice: (text) => services.notice(text),
    };
    this.#rules = new LoginRules({
      ask: (sql) => this.#ask(sql),
      setting: (name) => this.#group!.setting(name),
      secret: () => options.directory.secret(),
      notice: (text) => services.notice(text),
      needsPassword: options.options.password !== undefined,
    });
    this.#admission = new ClientAdmission({
      events: services.events,
      stacks: this.#stacks,
      cancel: (pid, key) => this.#group?.cancel(pid, key),
      rules: this.#rules,
    });
  }

  /** Serves for ever. */
  async run(): Promise<never> {
    this.#stacks.begin(async () => {
      this.#group = await BackendGroup.start(this.#host);
      this.#services.control.onStop(() => this.#stop());
      this.#services.onLeave({ drain: () => this.#drain(), finish: () => this.#stop() });
      this.#stacks.begin(() => this.#setUp(this.#group!));
      for (;;) {
        const status = await this.#group.run();
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#isStopping || status !== undefined) this.#services.exit(status ?? 1);
        this.#group = undefined;
        this.#group = await BackendGroup.start(this.#host);
      }
    });
    return this.#stacks.loop();
  }

  /** Makes what is to be there, and lets clients in. */
  async #setUp(group: BackendGroup): Promise<void> {
    const setup = new DatabaseSetup({
      ...this.#options,
      stacks: this.#stacks,
      server: group.server,
      open: (user) => group.open(user),
      notice: (text) => this.#services.notice(text),
    });
    try {
      this.#rules.read();
      await setup.run();
    } catch (error) {
      // What has ended because all is to end is no failure.
      if (this.#isStopping) return;
      this.#failure = error;
      this.#stop();
    }
    if (!this.#isStopping) this.#listen();
  }

  async #ask(sql: string): Promise<Answer> {
    if (this.#group === undefined) return { rows: [], error: { severity: 'FATAL', ...RECOVERING } };
    return this.#group.ask(sql);
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
      this.#services.sendBeside(socket);
      this.#stacks.begin(async () => {
        using client = await this.#admission.admit(socket);
        if (client !== undefined) await this.#serve(client);
      });
    }
  }

  async #serve({ connection, user, parameters }: Client): Promise<void> {
    const fatal =
      this.#group === undefined ? RECOVERING : await this.#group.serve(connection, user, parameters);
    if (fatal !== undefined) connection.sendBytes(writeFatalError(fatal));
    connection.socket.close();
  }

  /** Another engine takes its place: whoever has nothing to do is parted from now, the others when they have done it. */
  #drain(): void {
    this.#services.listeners.pause();
    if (this.#group?.endIdle() === 0) this.#stop();
  }

  #stop(): boolean {
    if (this.#isStopping) return true;
    this.#isStopping = true;
    this.#services.listeners.pause();
    this.#group?.stop();
    return true;
  }
}
