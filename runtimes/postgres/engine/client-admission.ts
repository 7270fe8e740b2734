/**
 * What a client says before it needs a backend: wishes for encryption, requests to cancel, who it is, and its password. No
 * byte of it reaches a backend before it may come in.
 */
import { POLLIN } from '../../../src/engine/poll-events.ts';
import type { EventPoll } from '../../../src/engine/event-poll.ts';
import type { StreamSocket } from '../../../src/engine/sockets.ts';
import { ClientConnection } from './client-connection.ts';
import type { LoginRules } from './login-rules.ts';
import { Refusal, SQLSTATE } from './refusal.ts';
import { logIn } from './sasl-login.ts';
import type { LoginChannel } from './sasl-login.ts';
import type { Stacks } from './stacks.ts';
import { NO_ENCRYPTION, readStartupMessage, writeFatalError } from './startup-message.ts';
import type { StartupMessage } from './startup-message.ts';
import { clipName } from './session-settings.ts';

/** Somebody whom a backend is to be started for. Disposing of it gives its place to somebody else. */
export interface Client extends Disposable {
  readonly connection: ClientConnection;
  /** Name of the role that it is. */
  readonly user: string;
  readonly parameters: ReadonlyMap<string, string>;
}

export interface AdmissionHost {
  readonly events: EventPoll;
  readonly stacks: Stacks;
  /** Somebody asks for what the process does to be cancelled. */
  readonly cancel: (pid: number, key: Buffer) => void;
  readonly rules: LoginRules;
}

type Startup = Extract<StartupMessage, { type: 'startup' }>;

export class ClientAdmission {
  readonly #host: AdmissionHost;
  /** Those that have not said who they are, or not proven it. */
  #pending = 0;
  /** Those that have, and those that are in. */
  #places = 0;

  constructor(host: AdmissionHost) {
    this.#host = host;
  }

  /** Undefined where no backend is needed: then the socket is closed. */
  async admit(socket: StreamSocket): Promise<Client | undefined> {
    const connection = new ClientConnection(socket, this.#host.events);
    // As many again may wait to be let in (src/backend/postmaster/pmchild.c).
    if (this.#pending < this.#host.rules.limits.connections) {
      this.#pending += 1;
      const client = await this.#identify(connection).catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error;
        connection.sendBytes(writeFatalError(error.answer));
        return undefined;
      });
      this.#pending -= 1;
      if (client !== undefined) return client;
    }
    socket.close();
    return undefined;
  }

  async #identify(connection: ClientConnection): Promise<Client | undefined> {
    const deadline = performance.now() + this.#host.rules.limits.timeoutMs;
    const message = await this.#receive(connection, deadline, () => {
      const begun = skipEncryption(connection);
      return begun.type === 'incomplete' ? undefined : begun;
    });
    // Who is too slow is told nothing, as nobody knows what it would understand.
    if (message === undefined || message === 'late') return undefined;
    if (message.type === 'cancel') this.#host.cancel(message.pid, message.key);
    if (message.type === 'invalid') {
      throw new Refusal(message.code ?? SQLSTATE.protocolViolation, message.reason);
    }
    return message.type === 'startup' ? this.#takePlace(connection, message, deadline) : undefined;
  }

  async #takePlace(
    connection: ClientConnection,
    message: Startup,
    deadline: number,
  ): Promise<Client | undefined> {
    const { rules } = this.#host;
    const { parameters } = message;
    checkParameters(parameters);
    if (this.#places >= rules.limits.connections) throw rules.tooMany();
    this.#places += 1;
    let isTaken = true;
    const free = (): void => {
      if (isTaken) this.#places -= 1;
      isTaken = false;
    };
    const user = clipName(parameters.get('user')!);
    try {
      if (rules.needsPassword && !(await this.#authenticate({ connection, message, deadline, user }))) {
        free();
        return undefined;
      }
      await rules.checkReserved(user, rules.limits.connections - this.#places);
    } catch (error) {
      free();
      throw error;
    }
    return { connection, user, parameters, [Symbol.dispose]: free };
  }

  /** False where the client has gone. Throws {@link Refusal}. */
  async #authenticate({ connection, message, deadline, user }: Login): Promise<boolean> {
    const { rules } = this.#host;
    // The backend reads it again.
    const startup = Buffer.from(connection.unread.subarray(0, message.length));
    connection.skip(startup.length);
    const channel: LoginChannel = {
      send: (bytes) => connection.sendBytes(bytes),
      receive: async (read) => {
        const taken = await this.#receive(connection, deadline, () => read(connection.unread));
        if (taken === 'late') {
          throw new Refusal(SQLSTATE.queryCanceled, 'canceling authentication due to timeout');
        }
        connection.skip(taken?.length ?? 0);
        return taken?.value;
      },
    };
    const { verifier, reason } = await rules.verifierOf(user);
    const isKnown = await logIn(channel, { verifier, user, secret: rules.secret });
    if (isKnown === undefined) return false;
    if (!isKnown) throw rules.wrongPassword(user, reason);
    connection.putBack(startup);
    return true;
  }

  /** Waits until `read` makes something of what has come; undefined where the client has gone, or 'late'. */
  async #receive<Value>(
    connection: ClientConnection,
    deadline: number,
    read: () => Value | undefined,
  ): Promise<Value | 'late' | undefined> {
    const { stacks, events } = this.#host;
    const already = read();
    if (already !== undefined) return already;
    const outcome = await stacks.suspend<{ value?: Value | 'late'; error?: unknown }>((resume) => {
      const end = (found: { value?: Value | 'late'; error?: unknown }): void => {
        timer[Symbol.dispose]();
        watch[Symbol.dispose]();
        resume(found);
      };
      const timer = stacks.after(deadline - performance.now(), () => end({ value: 'late' }));
      const watch = events.watch(connection.socket, POLLIN, () => {
        const isOpen = connection.fill();
        try {
          const value = read();
          if (value !== undefined) end({ value });
          else if (!isOpen) end({});
        } catch (error) {
          end({ error });
        }
      });
    });
    if (outcome.error !== undefined) throw outcome.error;
    return outcome.value;
  }
}

interface Login {
  readonly connection: ClientConnection;
  readonly message: Startup;
  /** As performance.now() has it. */
  readonly deadline: number;
  readonly user: string;
}

/** What nobody can be served with. */
const checkParameters = (parameters: ReadonlyMap<string, string>): void => {
  if ((parameters.get('user') ?? '') === '') {
    throw new Refusal(SQLSTATE.invalidAuthorization, 'no PostgreSQL user name specified in startup packet');
  }
  if (!/^(?:of|off|f|fa|fal|fals|false|n|no|0)$/i.test(parameters.get('replication') ?? 'off')) {
    throw new Refusal(SQLSTATE.featureNotSupported, 'replication is not possible: no process sends the log');
  }
};

/** Refuses to encrypt, and reads what comes then. */
const skipEncryption = (connection: ClientConnection): StartupMessage => {
  for (;;) {
    const message = readStartupMessage(connection.unread);
    if (message.type !== 'encryption') return message;
    connection.skip(message.length);
    connection.sendBytes(NO_ENCRYPTION);
  }
};
