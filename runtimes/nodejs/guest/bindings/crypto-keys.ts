/** Keys of `internalBinding('crypto')`: what the library derives its own classes from. */
import { SharedHandle } from '../cloning/shared-handle.ts';
import { NativeObject, onNative } from '../native-answers.ts';

export class KeyObjectHandle extends NativeObject {
  #type: number | undefined;

  /** The key's type for a JWK, as the native one answers it. */
  init(type: number, ...source: readonly unknown[]): unknown {
    const found = this.make('KeyObjectHandle', [type, ...source]);
    this.#type = typeof found === 'number' ? found : type;
    return found;
  }

  getKeyType(): number {
    this.#type ??= this.call('getKeyType') as number;
    return this.#type;
  }

  exportJwk(into: object, handleRsaPss: boolean): object {
    return Object.assign(into, this.call('exportJwk', handleRsaPss));
  }

  keyDetail(into: object): object {
    return Object.assign(into, this.call('keyDetail'));
  }
}

onNative('KeyObjectHandle', (number) => {
  const handle = new KeyObjectHandle();
  handle.adopt(number);
  return handle;
});

/** What the library builds KeyObject on. */
class NativeKeyObject extends SharedHandle {
  readonly #handle: KeyObjectHandle;

  constructor(handle: KeyObjectHandle) {
    super();
    this.#handle = handle;
  }

  static slots(key: NativeKeyObject): unknown[] {
    return [key.#handle.getKeyType(), key.#handle];
  }

  static has(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #handle in value;
  }
}

/** What the library builds CryptoKey on. */
class NativeCryptoKey extends SharedHandle {
  readonly #slots: readonly unknown[];

  constructor(
    handle: KeyObjectHandle,
    algorithm: object,
    usages: number,
    extractable: boolean,
    secondaryHandle?: KeyObjectHandle,
    seed?: Uint8Array,
  ) {
    super();
    this.#slots = [handle.getKeyType(), extractable, algorithm, usages, handle, secondaryHandle, seed];
  }

  static slots(key: NativeCryptoKey): unknown[] {
    return [...key.#slots];
  }

  static has(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #slots in value;
  }
}

type CryptoKeyConstructor = new (
  handle: KeyObjectHandle,
  algorithm: object,
  usages: number,
  extractable: boolean,
) => object;

let InternalCryptoKey: CryptoKeyConstructor | undefined;

/** A key of Web Crypto, as the library makes them. */
export const newCryptoKey: (...values: ConstructorParameters<CryptoKeyConstructor>) => object = (...values) =>
  new InternalCryptoKey!(...values);

/** Methods that forward to the engine's object. */
export const forward = (Class: { readonly prototype: NativeObject }, names: readonly string[]): void => {
  for (const name of names) {
    const method = {
      [name](this: NativeObject, ...values: unknown[]): unknown {
        return this.call(name, ...values);
      },
    }[name]!;
    Object.defineProperty(Class.prototype, name, { value: method, writable: true, configurable: true });
  }
};

forward(
  KeyObjectHandle,
  (
    'getSymmetricKeySize getAsymmetricKeyType checkEcKeyData export rawPublicKey rawPrivateKey rawSeed ' +
    'exportECPublicRaw exportECPrivateRaw equals'
  ).split(' '),
);
export type MakeClasses = (native: unknown) => readonly unknown[];

export const keyClasses = {
  KeyObjectHandle,
  createNativeKeyObjectClass: (make: MakeClasses) => make(NativeKeyObject),
  getKeyObjectSlots: (key: NativeKeyObject) => NativeKeyObject.slots(key),
  isKeyObject: (value: unknown) => NativeKeyObject.has(value),
  createCryptoKeyClass: (make: MakeClasses) => {
    const classes = make(NativeCryptoKey);
    InternalCryptoKey = classes[1] as CryptoKeyConstructor;
    return classes;
  },
  getCryptoKeySlots: (key: NativeCryptoKey) => NativeCryptoKey.slots(key),
  isCryptoKey: (value: unknown) => NativeCryptoKey.has(value),
};
