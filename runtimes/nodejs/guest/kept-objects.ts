/**
 * WeakRef as the language has it (ECMA-262, AddToKeptObjects): what a reference was made of, or gave, is there until
 * the job that asked is done. QuickJS counts references and would free it at once.
 */

const NativeWeakRef = WeakRef;
const nativeDeref = (reference: WeakRef<WeakKey>): WeakKey | undefined => deref.call(reference);
// eslint-disable-next-line typescript/unbound-method -- called with its object above
const { deref } = WeakRef.prototype as WeakRef<WeakKey>;

let kept: unknown[] = [];

/** No job is running any more. */
export const clearKeptObjects = (): void => {
  if (kept.length > 0) kept = [];
};

/** A reference that keeps nothing, for objects that come and go by thousands in one job. */
export class LooseReference<Target extends WeakKey> {
  readonly #reference: WeakRef<Target>;

  constructor(target: Target) {
    this.#reference = new NativeWeakRef(target);
  }

  get isAlive(): boolean {
    return nativeDeref(this.#reference) !== undefined;
  }
}

/** Puts it into the place of QuickJS's own. */
export const installWeakRef = (define: (target: object, name: PropertyKey, value: unknown) => void): void => {
  const { prototype } = NativeWeakRef;
  const Kept = new Proxy(NativeWeakRef, {
    construct: (target, values: [WeakKey], newTarget) => {
      const made = Reflect.construct(target, values, newTarget) as object;
      kept.push(values[0]);
      return made;
    },
  });
  const methods = {
    deref(this: WeakRef<WeakKey>): unknown {
      const found = nativeDeref(this);
      if (found !== undefined) kept.push(found);
      return found;
    },
  };
  define(prototype, 'deref', methods.deref);
  define(prototype, 'constructor', Kept);
  define(globalThis, 'WeakRef', Kept);
};
