/**
 * A driver for tests: a server that is a reactor. It needs no WebAssembly to show what the engine gives to one,
 * only a memory. What does not look like a request of HTTP comes back as it is; the paths of requests say what
 * to try.
 */
import { scrypt } from 'node:crypto';
import type { Descriptor } from '../../src/engine/descriptor.ts';
import { FDFLAG } from '../../src/engine/descriptor.ts';
import type { Driver, EngineServices } from '../../src/engine/driver.ts';
import { WASI } from '../../src/engine/errno.ts';
import type { Watch } from '../../src/engine/event-poll.ts';
import { GuestMemory } from '../../src/engine/guest-memory.ts';
import type { Listener } from '../../src/engine/listeners.ts';
import { startLookUp } from '../../src/engine/name-lookup.ts';
import { POLLIN, POLLOUT } from '../../src/engine/poll-events.ts';
import { ipv4Bytes } from '../../src/engine/socket-address.ts';
import type { SocketAddress } from '../../src/engine/socket-address.ts';
import type { StreamSocket } from '../../src/engine/sockets.ts';

/** What a test wants of it. */
export interface EchoOptions {
  /** Where it listens; 127.0.0.1 if it is not said. */
  readonly address?: string;
  readonly ports?: readonly number[];
  readonly udpPort?: number;
  /** What `/` answers. */
  readonly greeting?: string;
  /** Leaves with this status when it is to stop, and not before the next turn of its loop. */
  readonly statusOfStop?: number;
  /** Copies standard input to standard output. */
  readonly copiesInput?: boolean;
}

/** What it has done so far. */
export interface Stats {
  /** Calls of EventPoll.wait. */
  readonly waits: number;
  /** Turns given to Node's own loop. */
  readonly turns: number;
  /** Rounds of Node's own loop, as libuv counts them. */
  readonly loops: number;
  /** CPU time of the process, in µs. */
  readonly cpuUs: number;
}

const BUFFER_SIZE = 65_536;
const BACKLOG = 128;
/** (module (func (export "f") unreachable)) */
const UNREACHABLE = Buffer.from('0061736d0100000001040160000003020100070501016600000a05010300000b', 'hex');

const nonBlocking = <Kind extends Descriptor>(descriptor: Kind): Kind => {
  descriptor.setFlags(FDFLAG.nonblock);
  return descriptor;
};

const must = <Value>(what: string, result: Value | number): Value => {
  if (typeof result === 'number' && result < 0) throw new Error(`${what}: WASI errno ${-result}`);
  return result as Value;
};

class Server {
  readonly #services: EngineServices;
  readonly #options: EchoOptions;
  readonly #memory = new GuestMemory();
  readonly #timers = new Set<{ readonly at: number; readonly action: () => void }>();
  #waits = 0;
  #turns = 0;

  constructor(services: EngineServices, options: EchoOptions) {
    this.#services = services;
    this.#options = options;
    this.#memory.attach(new WebAssembly.Memory({ initial: 1 }));
  }

  async run(): Promise<never> {
    const { ports = [], udpPort, copiesInput, statusOfStop } = this.#options;
    for (const port of ports) this.#listen(port);
    if (udpPort !== undefined) this.#bindDatagrams(udpPort);
    if (copiesInput === true) this.#copyInput();
    const { events, control } = this.#services;
    if (statusOfStop !== undefined) {
      control.onStop(() => {
        this.#timers.add({ at: performance.now(), action: () => this.#services.exit(statusOfStop) });
        return true;
      });
    }
    for (;;) {
      this.#waits += 1;
      events.wait(this.#runTimers());
      if (!events.isHostDue) continue;
      this.#turns += 1;
      await events.hostTurn();
    }
  }

  #listen(port: number): void {
    const { listeners, events } = this.#services;
    const socket = must('socket', this.#services.openSocket(4, 'stream'));
    const ip = ipv4Bytes(this.#options.address ?? '127.0.0.1');
    must('bind', listeners.bind(socket, { ip, port }));
    const listener = nonBlocking(must('listen', listeners.listen(socket, BACKLOG)));
    events.watch(listener, POLLIN, () => this.#accept(listener));
  }

  #accept(listener: Listener): void {
    for (;;) {
      const connection = listener.accept();
      if (connection === -WASI.EAGAIN) return;
      new Client(nonBlocking(must('accept', connection)), this.#memory, this).begin();
    }
  }

  #bindDatagrams(port: number): void {
    const socket = nonBlocking(must('socket', this.#services.openSocket(4, 'datagram')));
    must('bind', socket.bind({ ip: ipv4Bytes(this.#options.address ?? '127.0.0.1'), port }));
    this.#services.events.watch(socket, POLLIN, () => {
      this.#memory.loadBuffer(0, BUFFER_SIZE);
      const datagram = socket.receiveFrom(this.#memory, 0);
      if (typeof datagram === 'number') return;
      this.#memory.loadBuffer(0, datagram.length);
      must('send', socket.sendTo(this.#memory, datagram.from));
    });
  }

  #copyInput(): void {
    const [input, output] = this.#services.streams;
    const watch = this.#services.events.watch(nonBlocking(input), POLLIN, () => {
      this.#memory.loadBuffer(0, BUFFER_SIZE);
      const length = must('read', input.read(this.#memory));
      if (length === 0) return watch[Symbol.dispose]();
      this.#memory.loadBuffer(0, length);
      must('write', output.write(this.#memory));
    });
  }

  /** Runs what is due; returns how long until the next, in ms. */
  #runTimers(): number {
    let next = Infinity;
    for (const timer of this.#timers) {
      const left = timer.at - performance.now();
      if (left > 0) next = Math.min(next, left);
      else {
        this.#timers.delete(timer);
        timer.action();
      }
    }
    return next;
  }

  watch(target: Descriptor, callback: (events: number) => void): Watch {
    return this.#services.events.watch(target, POLLIN, callback);
  }

  /** Answers a request by its path, at once or later. */
  answer(path: string, done: (text: string) => void): void {
    const [name = '', argument = ''] = path.slice(1).split('/');
    const action = this.#actions[name];
    if (action === undefined) done(this.#options.greeting ?? 'Hello');
    else action(argument, done);
  }

  readonly #actions: Readonly<Record<string, (argument: string, done: (text: string) => void) => void>> = {
    late: (ms, done) =>
      void this.#timers.add({ at: performance.now() + Number(ms), action: () => done('late') }),
    large: (size, done) => done('x'.repeat(Number(size))),
    connect: (destination, done) => this.#connect(destination, done),
    /** Asks for a connection, and closes the socket without waiting for it. */
    'give-up': (destination, done) => {
      const socket = must('socket', this.#services.openSocket(4, 'stream'));
      const begun = socket.startConnect(parseDestination(destination), this.#services, () => done('called'));
      socket.close();
      done(String(begun));
    },
    resolve: (name, done) =>
      startLookUp(this.#services.broker, name, [4], (found) =>
        done(typeof found === 'string' ? found : found.map((ip) => ip.join('.')).join(' ')),
      ),
    /** Derives a key in libuv's thread pool; what has happened meanwhile comes with it. */
    scrypt: (logCost, done) => {
      const hold = this.#services.events.hold();
      const before = this.#stats();
      scrypt('password', 'salt', 64, { cost: 2 ** Number(logCost), maxmem: 2 ** 30 }, (error, key) => {
        hold[Symbol.dispose]();
        const after = this.#stats();
        done(JSON.stringify({ error: error?.message, key: key.toString('hex'), before, after }));
      });
    },
    /** Waits for a timer and an immediate of Node. */
    timer: (ms, done) => {
      const hold = this.#services.events.hold();
      setTimeout(() => {
        setImmediate(() => {
          hold[Symbol.dispose]();
          done(JSON.stringify(this.#stats()));
        });
      }, Number(ms));
    },
    stats: (_, done) => done(JSON.stringify(this.#stats())),
    mounts: (_, done) => done(this.#services.directories.map(({ preopenPath }) => preopenPath).join(' ')),
    exit: (status) => this.#services.exit(Number(status)),
    trap: () => {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(UNREACHABLE), {});
      (instance.exports['f'] as () => void)();
    },
    fail: (message) => {
      throw new Error(message);
    },
  };

  #stats(): Stats {
    const { user, system } = process.cpuUsage();
    return {
      waits: this.#waits,
      turns: this.#turns,
      loops: performance.nodeTiming.uvMetricsInfo.loopCount,
      cpuUs: user + system,
    };
  }

  /** Connects and tells what the other side says first, or a WASI errno. */
  #connect(destination: string, done: (text: string) => void): void {
    const socket = nonBlocking(must('socket', this.#services.openSocket(4, 'stream')));
    const finish = (text: string): void => {
      socket.close();
      done(text);
    };
    const connected = (result: number): void => {
      if (result < 0) return finish(String(-result));
      this.watch(socket, () => {
        this.#memory.loadBuffer(0, BUFFER_SIZE);
        const length = must('receive', socket.receive(this.#memory, 0));
        finish(Buffer.from(this.#memory.slice(0, length)).toString());
      });
    };
    const begun = socket.startConnect(parseDestination(destination), this.#services, connected);
    if (begun < 0) finish(String(-begun));
  }
}

/** `ADDRESS:PORT` */
const parseDestination = (text: string): SocketAddress => {
  const [address = '', port] = text.split(':');
  return { ip: ipv4Bytes(address), port: Number(port) };
};

/** One connection: requests one after the other, or an echo. */
class Client {
  readonly #socket: StreamSocket;
  readonly #memory: GuestMemory;
  readonly #server: Server;
  #watch: Watch | undefined;
  #received = '';
  #unsent: Buffer = Buffer.alloc(0);

  constructor(socket: StreamSocket, memory: GuestMemory, server: Server) {
    this.#socket = socket;
    this.#memory = memory;
    this.#server = server;
  }

  begin(): void {
    this.#watch = this.#server.watch(this.#socket, (events) => {
      if ((events & POLLOUT) !== 0) this.#flush();
      if ((events & ~POLLOUT) !== 0) this.#receive();
    });
  }

  #receive(): void {
    this.#memory.loadBuffer(0, BUFFER_SIZE);
    const length = this.#socket.receive(this.#memory, 0);
    if (length === -WASI.EAGAIN) return;
    if (length <= 0) return this.#close();
    const text = Buffer.from(this.#memory.slice(0, length)).toString('latin1');
    if (this.#received === '' && !text.startsWith('GET ')) return this.#send(text);
    this.#received += text;
    this.#takeRequest();
  }

  #takeRequest(): void {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const [, path = '/'] = this.#received.split(' ');
    this.#received = this.#received.slice(end + 4);
    this.#server.answer(path, (body) => {
      this.#send(
        `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      if (this.#received !== '') this.#takeRequest();
    });
  }

  #send(text: string): void {
    this.#unsent = Buffer.concat([this.#unsent, Buffer.from(text, 'latin1')]);
    this.#flush();
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const piece = this.#unsent.subarray(0, BUFFER_SIZE);
      this.#memory.bytes.set(piece, 0);
      this.#memory.loadBuffer(0, piece.length);
      const length = this.#socket.send(this.#memory);
      if (length === -WASI.EAGAIN) break;
      if (length < 0) return this.#close();
      this.#unsent = this.#unsent.subarray(length);
    }
    this.#watch?.change(this.#unsent.length > 0 ? POLLIN | POLLOUT : POLLIN);
  }

  #close(): void {
    this.#watch?.[Symbol.dispose]();
    this.#socket.close();
  }
}

export const driver: Driver = {
  open: ({ driver }) => ({
    opensFiles: true,
    prepare: () => ({
      abi: 'reactor',
      run: (services) => new Server(services, driver?.options as EchoOptions).run(),
    }),
  }),
};
