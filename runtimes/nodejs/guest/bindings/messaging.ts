/** `internalBinding('messaging')`: ports between which messages go, all in the one thread there is. */
import { AsyncWrap } from '../async-context.ts';
import type { Binding } from '../binding-shape.ts';
import { Message, setCreateObject, setHandle, TransferableHandle } from '../cloning/message.ts';
import { symbols } from '../constants.ts';
import { host } from '../host.ts';
import { perContext } from '../per-context.ts';
import { defer } from './timers.ts';

const ON_INIT = symbols['oninit']!;
const ON_CLOSE = symbols['handle_onclose']!;
const NO_MESSAGE = symbols['no_message_symbol']!;

/** Messages a port may get before others have their turn (node_messaging.cc, MessagePort::OnMessage). */
const MAX_AT_ONCE = 1000;
/** In place of a message: the other side is closed. */
const CLOSE = Symbol('close');

const typeError = (message: string, code: string): TypeError =>
  Object.assign(new TypeError(message), { code });

/** Ports that hear each other: two of a channel, or all of one name. */
class Group {
  readonly members = new Set<PortData>();
  readonly #name: string | undefined;

  constructor(name?: string) {
    this.#name = name;
  }

  leave(member: PortData): void {
    this.members.delete(member);
    if (this.#name !== undefined) {
      if (this.members.size === 0) groups.delete(this.#name);
      return;
    }
    // A channel with one end is none.
    for (const other of this.members) other.receive(CLOSE);
  }
}

const groups = new Map<string, Group>();

/** What a port stands on, and takes along when it is transferred. */
class PortData {
  readonly queue: (Message | typeof CLOSE)[] = [];
  readonly group: Group;
  port: Port | undefined;

  constructor(group: Group) {
    this.group = group;
    group.members.add(this);
  }

  receive(message: Message | typeof CLOSE): void {
    this.queue.push(message);
    this.port?.notice();
  }
}

type EmitMessage = (data: unknown, ports: readonly object[], type: string) => void;

/** The inside of a port of the library's. */
class Port extends TransferableHandle {
  readonly object: object;
  readonly #id = host.openLocal();
  readonly #wrap = new AsyncWrap('MESSAGEPORT');
  #data: PortData | undefined;
  #isReceiving = false;
  #isRef = true;
  #isNoticed = false;

  constructor(object: object, data: PortData) {
    super();
    this.object = object;
    this.#data = data;
    data.port = this;
    host.localActivity(this.#id, 1);
    if (data.queue.length > 0) this.notice();
  }

  get isOpen(): boolean {
    return this.#data !== undefined;
  }

  get isRef(): boolean {
    return this.#isRef;
  }

  setRef(isRef: boolean): void {
    if (!this.isOpen || this.#isRef === isRef) return;
    this.#isRef = isRef;
    host.handleRef(this.#id, isRef);
  }

  /** Messages wait: they are told as soon as the guest is entered next. */
  notice(): void {
    if (this.#isNoticed || !this.isOpen) return;
    this.#isNoticed = true;
    defer(() => {
      this.#isNoticed = false;
      this.deliver(Math.max(this.#data?.queue.length ?? 0, MAX_AT_ONCE));
      if ((this.#data?.queue.length ?? 0) > 0 && this.#isReceiving) this.notice();
    });
  }

  start(): void {
    if (!this.isOpen) return;
    this.#isReceiving = true;
    if (this.#data!.queue.length > 0) this.notice();
  }

  stop(): void {
    this.#isReceiving = false;
  }

  /** @param isForced - whether the port has been started or not */
  deliver(count: number, isForced = false): void {
    for (let left = count; left > 0 && this.isOpen; left -= 1) {
      const next = this.#data!.queue[0];
      if (next === undefined || (next !== CLOSE && !this.#isReceiving && !isForced)) return;
      this.#data!.queue.shift();
      if (next === CLOSE) return this.close();
      this.#emit(next);
    }
  }

  /** The next message at once. */
  take(): unknown {
    const next = this.#data?.queue[0];
    if (next === undefined || next === CLOSE) return NO_MESSAGE;
    this.#data!.queue.shift();
    return next.open().value;
  }

  #emit(message: Message): void {
    const emit = perContext['emitMessage'] as EmitMessage;
    this.#wrap.makeCallback(() => {
      let opened: ReturnType<Message['open']>;
      try {
        opened = message.open();
      } catch (error) {
        return emit.call(this.object, error, [], 'messageerror');
      }
      return emit.call(this.object, opened.value, opened.handles, 'message');
    });
  }

  post(value: unknown, transferList: readonly unknown[]): boolean | undefined {
    const message = Message.of(value, transferList, this.object);
    if (this.#data === undefined) return undefined;
    for (const other of this.#data.group.members) if (other !== this.#data) other.receive(message);
    return true;
  }

  close(): void {
    const data = this.#data;
    if (data === undefined) return;
    this.#detach();
    data.group.leave(data);
    defer(() => {
      const onClose = (this.object as Record<symbol, (() => void) | undefined>)[ON_CLOSE];
      this.#wrap.makeCallback(() => onClose?.call(this.object));
    });
  }

  #detach(): void {
    host.handleClose(this.#id);
    this.#data!.port = undefined;
    this.#data = undefined;
  }

  override give(): () => object {
    const data = this.#data!;
    this.#detach();
    return () => openPort(data);
  }
}

const TOKEN = Symbol('made by the binding');

class MessagePort {
  readonly #port: Port;

  constructor(token: unknown, data: PortData) {
    if (token !== TOKEN) throw typeError('Constructor cannot be called', 'ERR_CONSTRUCT_CALL_INVALID');
    this.#port = new Port(this, data);
    setHandle(this, this.#port);
  }

  static portOf(value: unknown): Port | undefined {
    return typeof value === 'object' && value !== null && #port in value ? value.#port : undefined;
  }

  postMessage(...values: unknown[]): boolean | undefined {
    if (values.length === 0) {
      throw typeError('Not enough arguments to MessagePort.postMessage', 'ERR_MISSING_ARGS');
    }
    return this.#port.post(values[0], transferListOf(values[1]));
  }

  start(): void {
    this.#port.start();
  }

  close(): void {
    this.#port.close();
  }

  drain(): void {
    this.#port.deliver(Infinity, true);
  }

  ref(): void {
    this.#port.setRef(true);
  }

  unref(): void {
    this.#port.setRef(false);
  }

  hasRef(): boolean | undefined {
    return this.#port.isOpen ? this.#port.isRef : undefined;
  }
}

const { portOf } = MessagePort;
// Programs see the class.
delete (MessagePort as { portOf?: unknown }).portOf;

const openPort = (data: PortData): MessagePort => {
  const port = new MessagePort(TOKEN, data);
  (port as unknown as Record<symbol, (() => void) | undefined>)[ON_INIT]?.();
  return port;
};

const portFrom = (value: unknown): Port => {
  const port = portOf(value);
  if (port !== undefined) return port;
  throw typeError('The "port" argument must be a MessagePort instance', 'ERR_INVALID_ARG_TYPE');
};

/** A list, or options with one. */
const transferListOf = (given: unknown): readonly unknown[] => {
  if (given === undefined || given === null) return [];
  if (typeof given !== 'object') throw notIterable('transferList');
  if (Symbol.iterator in given) return [...(given as Iterable<unknown>)];
  const { transfer } = given as { transfer?: unknown };
  if (transfer === undefined || transfer === null) return [];
  if (typeof transfer === 'object' && Symbol.iterator in transfer)
    return [...(transfer as Iterable<unknown>)];
  throw notIterable('options.transfer');
};

const notIterable = (name: string): TypeError =>
  typeError(`Optional ${name} argument must be an iterable`, 'ERR_INVALID_ARG_TYPE');

class MessageChannel {
  readonly port1: MessagePort;
  readonly port2: MessagePort;

  constructor() {
    const group = new Group();
    const [first, second] = [new PortData(group), new PortData(group)];
    this.port1 = openPort(first);
    this.port2 = openPort(second);
  }
}

const broadcastChannel = (name: string): MessagePort => {
  const group = groups.get(name) ?? new Group(name);
  groups.set(name, group);
  return openPort(new PortData(group));
};

export const createMessaging = (): Binding => ({
  MessageChannel,
  MessagePort,
  broadcastChannel,
  structuredClone: (value: unknown, options?: { transfer?: readonly unknown[] }) =>
    Message.of(value, options?.transfer ?? []).open().value,
  setDeserializerCreateObjectFunction: setCreateObject,
  stopMessagePort: (port: unknown) => portOf(port)?.stop(),
  checkMessagePort: (port: unknown) => portOf(port) !== undefined,
  drainMessagePort: (port: unknown) => portOf(port)?.deliver(Infinity, true),
  receiveMessageOnPort: (port: unknown) => portFrom(port).take(),
  moveMessagePortToContext: (port: unknown) => {
    portFrom(port);
    return port;
  },
  exposeLazyDOMExceptionProperty: (target: object) =>
    Object.defineProperty(target, 'DOMException', {
      get: () => perContext['DOMException'],
      set: (value: unknown) =>
        void Object.defineProperty(target, 'DOMException', { value, writable: true, configurable: true }),
      configurable: true,
    }),
  get DOMException() {
    return perContext['DOMException'];
  },
  get QuotaExceededError() {
    return perContext['QuotaExceededError'];
  },
});
