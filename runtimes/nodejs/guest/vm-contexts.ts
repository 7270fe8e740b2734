/**
 * Contexts of `node:vm`: realms of their own whose global variables are the properties of an object
 * (ContextifyContext in node_contextify.cc). QuickJS has no hooks for a global object, so before each script every
 * property of the object becomes an accessor of the global one that leads back to it, and after it what the script has
 * made becomes the object's. What it declares stays a variable of the realm, and is compared before and after.
 */
import { privateSymbols } from './constants.ts';
import { completeErrors } from './error-stacks.ts';
import { host } from './host.ts';

type Target = Record<PropertyKey, unknown>;

const CONTEXT = privateSymbols['contextify_context_private_symbol']!;
/** What QuickJS has besides the language. */
const NOT_OF_THE_LANGUAGE = [
  'atob',
  'btoa',
  'DOMException',
  'gc',
  'InternalError',
  'navigator',
  'performance',
  'queueMicrotask',
];

/** The keys of an object and of what it inherits, but for those that every object has. */
const keysOf = (object: object): (string | symbol)[] => {
  const keys: (string | symbol)[] = [];
  for (let each: object | null = object; each !== null;) {
    const next = Object.getPrototypeOf(each) as object | null;
    if (next === null && each !== object) break;
    keys.push(...Reflect.ownKeys(each));
    each = next;
  }
  return keys;
};

export class VmContext {
  /** The global object of the realm. */
  readonly global: Target;
  readonly #object: Target;
  readonly #evaluate: (source: string, filename: string, line: number) => unknown;
  readonly #compile: typeof host.compileFunction;
  /** Names that lead back to the object. */
  readonly #forwarded = new Set<string | symbol>();
  /** Names the language has, as they were. */
  readonly #builtIn: ReadonlySet<string | symbol>;
  /** Names that scripts declared. */
  readonly #declared = new Set<string | symbol>();

  /** @param object - absent where the global object itself is what programs get */
  constructor(object: Target | undefined) {
    [this.global, this.#evaluate, this.#compile] = host.createRealm();
    const { global } = this;
    this.#object = object ?? global;
    for (const name of NOT_OF_THE_LANGUAGE) delete global[name];
    completeErrors(global['Error'] as never);
    this.#builtIn = new Set(Reflect.ownKeys(global));
    Object.defineProperty(this.#object, CONTEXT, { value: this });
  }

  static of(object: object): VmContext {
    return (object as Target)[CONTEXT] as VmContext;
  }

  run(source: string, filename: string, line: number): unknown {
    this.#enter();
    try {
      return this.#evaluate(source, filename, line);
    } finally {
      this.#leave();
    }
  }

  compileFunction(parameters: string, body: string, filename: string, line: number): object {
    this.#enter();
    return this.#compile(parameters, body, filename, line);
  }

  /** Names the object got since the last time lead to it, those it lost no more. */
  #enter(): void {
    if (this.#object === this.global) return;
    const keys = new Set(keysOf(this.#object));
    for (const key of keys) {
      if (this.#declared.has(key)) this.#adopt(key);
      else if (!this.#forwarded.has(key)) this.#forward(key);
    }
    for (const key of this.#forwarded) {
      if (keys.has(key)) continue;
      this.#forwarded.delete(key);
      delete this.global[key];
    }
  }

  /** What a script has declared becomes the object's, what it has deleted is gone there, too. */
  #leave(): void {
    if (this.#object === this.global) return;
    for (const key of Reflect.ownKeys(this.global)) {
      if (this.#forwarded.has(key) || this.#builtIn.has(key)) continue;
      Reflect.set(this.#object, key, this.global[key]);
      if (!this.#forward(key)) this.#declared.add(key);
    }
    for (const key of this.#forwarded) {
      if (Object.hasOwn(this.global, key)) continue;
      this.#forwarded.delete(key);
      Reflect.deleteProperty(this.#object, key);
    }
  }

  /** A declared variable gets the value the object has. */
  #adopt(key: string | symbol): void {
    if (this.global[key] !== this.#object[key]) Reflect.set(this.global, key, this.#object[key]);
  }

  /** False for a variable, which cannot become an accessor. */
  #forward(key: string | symbol): boolean {
    const object = this.#object;
    const isForwarded = Reflect.defineProperty(this.global, key, {
      get: () => object[key],
      // Strict code is not told where that cannot be done: an accessor does not know who assigns.
      set: (value: unknown) => void Reflect.set(object, key, value),
      enumerable: Object.getOwnPropertyDescriptor(object, key)?.enumerable === true,
      configurable: true,
    });
    if (isForwarded) this.#forwarded.add(key);
    return isForwarded;
  }
}
