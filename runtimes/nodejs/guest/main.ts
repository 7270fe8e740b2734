/** What runs first in the guest: brings the library up and gives the engine the functions it calls. */
import { runMain } from './async-context.ts';
import { bootLibrary } from './boot.ts';
import { onClientParser } from './bindings/client-parser.ts';
import { onJobDone } from './bindings/crypto-jobs.ts';
import { deliverSignal } from './bindings/terminal.ts';
import { onAddresses } from './bindings/dns.ts';
import { handleOf } from './bindings/handles.ts';
import { startClocks } from './bindings/performance.ts';
import { Stream } from './bindings/streams.ts';
import { TCP } from './bindings/tcp.ts';
import { askTls, onTlsEvents } from './bindings/tls.ts';
import { hasDeferred, hasImmediates, runImmediates, runTimers, takeDeferred } from './bindings/timers.ts';
import { UDP } from './bindings/udp.ts';
import { runCallback } from './callback-scope.ts';
import { fillEngineGaps, removeGaps } from './engine-gaps.ts';
import { host } from './host.ts';
import { createIntl } from './intl/intl.ts';
import { addLocaleMethods } from './intl/locale-methods.ts';
import { readLaunch } from './launch.ts';
import { seedRandomNumbers } from './random-numbers.ts';
import type { Answer } from './native-answers.ts';
import { startModules } from './module-graph.ts';

fillEngineGaps();
addLocaleMethods();
Object.defineProperty(globalThis, 'Intl', { value: createIntl(), writable: true, configurable: true });
startModules();
const library = bootLibrary();
removeGaps();

const onStream = (id: number, action: (stream: Stream) => void): void => {
  const stream = handleOf(id);
  if (stream instanceof Stream) action(stream);
};

const onTcp = (id: number, action: (socket: TCP) => void): void => {
  const socket = handleOf(id);
  if (socket instanceof TCP) action(socket);
};

const onUdp = (id: number, action: (socket: UDP) => void): void => {
  const socket = handleOf(id);
  if (socket instanceof UDP) action(socket);
};

/** `net` has read these when it was loaded, and a snapshot knows nothing of the app's. */
const useNetworkOptions = (options: Readonly<Record<string, unknown>>): void => {
  const net = library.require('net') as unknown as typeof import('node:net');
  const isOn = options['--network-family-autoselection'];
  const timeout = options['--network-family-autoselection-attempt-timeout'];
  if (typeof isOn === 'boolean') net.setDefaultAutoSelectFamily(isOn);
  if (typeof timeout === 'number') net.setDefaultAutoSelectFamilyAttemptTimeout(timeout);
};

/** And so has `tls`; of several flags that which Node looks for first. */
const useTlsOptions = (options: Readonly<Record<string, unknown>>): void => {
  const tls = library.require('tls') as unknown as Record<string, string>;
  const least = ['1.0', '1.1', '1.2', '1.3'].find((version) => options[`--tls-min-v${version}`] === true);
  const most = ['1.3', '1.2'].find((version) => options[`--tls-max-v${version}`] === true);
  const ciphers = options['--tls-cipher-list'];
  if (least !== undefined) tls['DEFAULT_MIN_VERSION'] = least === '1.0' ? 'TLSv1' : `TLSv${least}`;
  if (most !== undefined) tls['DEFAULT_MAX_VERSION'] = `TLSv${most}`;
  if (typeof ciphers === 'string') tls['DEFAULT_CIPHERS'] = ciphers;
};

host.setEntries({
  /** Starts the app. */
  run: () => {
    const { options } = readLaunch();
    startClocks();
    useNetworkOptions(options);
    useTlsOptions(options);
    seedRandomNumbers();
    runMain(() => library.runMain());
  },
  timers: () => runCallback(runTimers),
  /** Operations of the bindings that have ended. */
  deferred: () => {
    for (const action of takeDeferred()) runCallback(action);
    return hasDeferred();
  },
  immediates: () => {
    runImmediates();
    return hasImmediates();
  },
  data: (id: number, bytes: Uint8Array) => onStream(id, (stream) => stream.onData(bytes)),
  events: (id: number, length: number, events: never) =>
    onStream(id, (stream) => stream.onEvents(length, events)),
  readError: (id: number, status: number) => onStream(id, (stream) => stream.onReadError(status)),
  written: (id: number, status: number) => onStream(id, (stream) => stream.onWritten(status)),
  shutDown: (id: number, status: number) => onStream(id, (stream) => stream.onShutdown(status)),
  connection: (id: number, status: number, client: number) =>
    onTcp(id, (server) => server.onConnection(status, client)),
  connected: (id: number, status: number) => onTcp(id, (socket) => socket.onConnected(status)),
  addresses: (lookup: number, error: number, list: string) => onAddresses(lookup, error, list),
  datagram: (id: number, bytes: Uint8Array, from: string) =>
    onUdp(id, (socket) => socket.onDatagram(bytes, from)),
  datagramError: (id: number, status: number) => onUdp(id, (socket) => socket.onFailed(status)),
  datagramSent: (id: number, status: number, length: number) =>
    onUdp(id, (socket) => socket.onSent(status, length)),
  clientParser: onClientParser,
  askTls,
  tlsEvents: onTlsEvents,
  jobDone: (number: number, answer: Answer) => runCallback(() => onJobDone(number, answer)),
  signal: deliverSignal,
  /** Nothing keeps the app alive any more: it may find something else to do. */
  beforeExit: () =>
    runCallback(() => library.process.emit('beforeExit', (library.process.exitCode ?? 0) as number)),
  /** The app has ended by itself: its exit status. */
  atExit: () => {
    const { process } = library;
    if (process['_exiting'] !== true) {
      process['_exiting'] = true;
      runCallback(() => process.emit('exit', (process.exitCode ?? 0) as number));
    }
    return process.exitCode ?? 0;
  },
});
