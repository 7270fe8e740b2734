/** What a client says before it needs a backend: wishes for encryption, requests to cancel, who it is. */
import { POLLIN } from '../../../src/engine/poll-events.ts';
import type { EventPoll } from '../../../src/engine/event-poll.ts';
import type { StreamSocket } from '../../../src/engine/sockets.ts';
import { ClientConnection } from './client-connection.ts';
import type { Stacks } from './stacks.ts';
import { NO_ENCRYPTION, readStartupMessage, writeFatalError } from './startup-message.ts';
import type { StartupMessage } from './startup-message.ts';

const INVALID_MESSAGE = '08P01';

/** Somebody whom a backend is to be started for. */
export interface Client {
  readonly connection: ClientConnection;
  readonly parameters: ReadonlyMap<string, string>;
}

export interface AdmissionHost {
  readonly events: EventPoll;
  readonly stacks: Stacks;
  /** Somebody asks for what the process does to be cancelled. */
  readonly cancel: (pid: number, key: Buffer) => void;
}

export class ClientAdmission {
  readonly #host: AdmissionHost;

  constructor(host: AdmissionHost) {
    this.#host = host;
  }

  /** Undefined where no backend is needed: then the socket is closed. */
  async admit(socket: StreamSocket): Promise<Client | undefined> {
    const connection = new ClientConnection(socket, this.#host.events);
    const message = await this.#firstMessage(connection);
    if (message?.type === 'startup') return { connection, parameters: message.parameters };
    if (message?.type === 'invalid') {
      connection.sendBytes(writeFatalError({ code: INVALID_MESSAGE, message: message.reason }));
    }
    if (message?.type === 'cancel') this.#host.cancel(message.pid, message.key);
    socket.close();
    return undefined;
  }

  /** The first message that is no wish for encryption; undefined where the client has gone. */
  #firstMessage(connection: ClientConnection): Promise<StartupMessage | undefined> {
    const { stacks, events } = this.#host;
    return stacks.suspend((resume) => {
      const watch = events.watch(connection.socket, POLLIN, () => {
        const isOpen = connection.fill();
        const message = skipEncryption(connection);
        if (message.type === 'incomplete' && isOpen) return;
        watch[Symbol.dispose]();
        resume(message.type === 'incomplete' ? undefined : message);
      });
    });
  }
}

/** Refuses to encrypt, and reads what comes then. */
const skipEncryption = (connection: ClientConnection): StartupMessage => {
  for (;;) {
    const message = readStartupMessage(connection.unread);
    if (message.type !== 'encryption') return message;
    connection.skip(message.length);
    connection.sendBytes(NO_ENCRYPTION);
  }
};
