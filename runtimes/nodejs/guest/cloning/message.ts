/**
 * Values on their way from one owner to another: cloned or transferred, as Node does it (node_messaging.cc, Message).
 * Objects of the library say themselves how they are cloned, by methods under symbols.
 */
import { privateSymbols, symbols } from '../constants.ts';
import { NativeObject } from '../native-answers.ts';
import { perContext } from '../per-context.ts';
import { typeTests } from '../bindings/types.ts';
import { SharedHandle } from './shared-handle.ts';
import { ValueReader } from './value-reader.ts';
import { ValueWriter } from './value-writer.ts';

/** util.h: TransferMode. */
const TRANSFERABLE = 1;
const CLONEABLE = 2;

const MODE = privateSymbols['transfer_mode_private_symbol']!;
const UNTRANSFERABLE = privateSymbols['untransferable_object_private_symbol']!;
/** What V8 keeps for private symbols: nobody sees such a property. */
const keepApart = (symbol: symbol): void => {
  const values = new WeakMap<object, unknown>();
  // eslint-disable-next-line no-extend-native -- the only place every object looks at
  Object.defineProperty(Object.prototype, symbol, {
    get(this: object) {
      return values.get(this);
    },
    set(this: object, value: unknown) {
      values.set(this, value);
    },
  });
};
keepApart(MODE);
keepApart(UNTRANSFERABLE);

const CLONE = symbols['messaging_clone_symbol']!;
const TRANSFER = symbols['messaging_transfer_symbol']!;
const TRANSFER_LIST = symbols['messaging_transfer_list_symbol']!;
const DESERIALIZE = symbols['messaging_deserialize_symbol']!;

/** An object of a binding that has one owner at a time: a port. */
export abstract class TransferableHandle {
  /** Gives up what it stands for, to be had by another object from then on. Throws where it cannot. */
  abstract give(): () => object;
}

interface Described {
  readonly data: unknown;
  readonly deserializeInfo: string;
}

type LibraryObject = Record<symbol, (() => unknown) | undefined>;

type HostObject =
  | { readonly make: () => object }
  | { readonly deserializeInfo: string; readonly data: Message };

/** Finds the class an object of the library is made anew of. */
let createObject: ((info: string) => object) | undefined;

export const setCreateObject = (create: (info: string) => object): void => {
  createObject = create;
};

const dataCloneError = (message: string): unknown => {
  const DOMException = perContext['DOMException'] as new (message: string, name: string) => Error;
  return new DOMException(message, 'DataCloneError');
};

const modeOf = (object: object): number | undefined => (object as Record<symbol, number | undefined>)[MODE];

const isShared = (object: object): boolean =>
  object instanceof SharedHandle || object instanceof NativeObject;

const isHostObject = (object: object): boolean =>
  isShared(object) || handleOf(object) !== undefined || modeOf(object) !== undefined;

/** What an object of the library that is a transferable handle stands on; see bindings/messaging.ts. */
const handles = new WeakMap<object, TransferableHandle>();

export const setHandle = (object: object, handle: TransferableHandle): void =>
  void handles.set(object, handle);

const handleOf = (object: object): TransferableHandle | undefined => handles.get(object);

export class Message {
  readonly #bytes: Uint8Array;
  readonly #buffers: readonly ArrayBuffer[];
  readonly #shared: readonly SharedArrayBuffer[];
  readonly #hostObjects: readonly HostObject[];
  /** Which of the host objects are handles that were given away. */
  readonly #handles: ReadonlySet<number>;

  private constructor(
    bytes: Uint8Array,
    buffers: readonly ArrayBuffer[],
    shared: readonly SharedArrayBuffer[],
    hostObjects: readonly HostObject[],
    given: ReadonlySet<number>,
  ) {
    this.#bytes = bytes;
    this.#buffers = buffers;
    this.#shared = shared;
    this.#hostObjects = hostObjects;
    this.#handles = given;
  }

  /**
   * Clones a value, and takes what is in the list away from its owner.
   * @param source - a port that must not be sent by itself
   * @throws DOMException `DataCloneError`
   */
  static of(value: unknown, transferList: readonly unknown[] = [], source?: object): Message {
    const { buffers, objects } = sorted(transferList, source);
    const shared: SharedArrayBuffer[] = [];
    const found: object[] = [...objects];
    const writer = new ValueWriter({
      isHostObject,
      writeHostObject: (object) => {
        let index = found.indexOf(object);
        if (index < 0) {
          assertCloneable(object);
          index = found.push(object) - 1;
        }
        writer.bytes.varint(index);
      },
      sharedBufferId: (buffer) => {
        const index = shared.indexOf(buffer);
        return index < 0 ? shared.push(buffer) - 1 : index;
      },
      dataCloneError,
    });
    for (const [index, buffer] of buffers.entries()) writer.transfer(index, buffer);
    writer.writeHeader();
    writer.write(value);
    const given = new Set<number>();
    const hostObjects = found.map((object, index) => {
      if (handleOf(object) !== undefined) given.add(index);
      return index < objects.length ? transferred(object) : cloned(object);
    });
    return new Message(
      writer.bytes.release(),
      buffers.map((buffer) => buffer.transfer()),
      shared,
      hostObjects,
      given,
    );
  }

  /** The value, and the handles that came along with it. */
  open(): { readonly value: unknown; readonly handles: readonly object[] } {
    const made = this.#hostObjects.map((object) => ('make' in object ? object.make() : remade(object)));
    const reader: ValueReader = new ValueReader(this.#bytes, {
      readHostObject: () => made[reader.bytes.varint()]!,
      sharedBuffer: (id) => this.#shared[id],
    });
    for (const [index, buffer] of this.#buffers.entries()) reader.transfer(index, buffer);
    reader.readHeader();
    const value = reader.read();
    return { value, handles: made.filter((_, index) => this.#handles.has(index)) };
  }
}

const remade = ({ deserializeInfo, data }: { deserializeInfo: string; data: Message }): object => {
  const object = createObject!(deserializeInfo);
  (object as Record<symbol, (data: unknown) => void>)[DESERIALIZE]!(data.open().value);
  return object;
};

const assertCloneable = (object: object): void => {
  if (isShared(object)) return;
  const mode = handleOf(object) === undefined ? (modeOf(object) ?? 0) : TRANSFERABLE;
  if ((mode & CLONEABLE) !== 0) return;
  throw dataCloneError(
    (mode & TRANSFERABLE) === 0
      ? 'Cannot clone object of unsupported type.'
      : 'Object that needs transfer was found in message but not listed in transferList',
  );
};

const cloned = (object: object): HostObject => {
  if (isShared(object)) return { make: () => object };
  return described((object as LibraryObject)[CLONE], object, []);
};

const transferred = (object: object): HostObject => {
  const handle = handleOf(object);
  if (handle !== undefined) return { make: handle.give() };
  const library = object as LibraryObject;
  const list = (library[TRANSFER_LIST]?.call(object) ?? []) as unknown[];
  return described(library[TRANSFER], object, list);
};

const described = (
  describe: (() => unknown) | undefined,
  object: object,
  transferList: readonly unknown[],
): HostObject => {
  const description = describe?.call(object);
  if (typeof description !== 'object' || description === null) {
    throw dataCloneError('Cannot clone object of unsupported type.');
  }
  const { data, deserializeInfo } = description as Described;
  return { deserializeInfo, data: Message.of(data, transferList) };
};

/** Memory and objects of a transfer list. */
const sorted = (
  transferList: readonly unknown[],
  source: object | undefined,
): { buffers: readonly ArrayBuffer[]; objects: readonly object[] } => {
  const buffers = new Set<ArrayBuffer>();
  const objects = new Set<object>();
  for (const each of transferList) {
    if (typeTests.isArrayBuffer(each)) {
      const buffer = each as ArrayBuffer;
      if (buffers.has(buffer)) throw dataCloneError('Transfer list contains duplicate ArrayBuffer');
      if (buffer.detached || (buffer as unknown as Record<symbol, unknown>)[UNTRANSFERABLE] !== undefined) {
        throw dataCloneError('Cannot transfer object of unsupported type.');
      }
      buffers.add(buffer);
      continue;
    }
    if (typeof each !== 'object' || each === null || !isHostObject(each)) {
      throw dataCloneError('Found invalid value in transferList.');
    }
    if (each === source) throw dataCloneError('Transfer list contains source port');
    if (objects.has(each)) {
      throw dataCloneError(`Transfer list contains duplicate ${each.constructor.name}`);
    }
    if (handleOf(each) === undefined && ((modeOf(each) ?? 0) & TRANSFERABLE) === 0) {
      throw dataCloneError('Cannot transfer object of unsupported type.');
    }
    objects.add(each);
  }
  return { buffers: [...buffers], objects: [...objects] };
};
