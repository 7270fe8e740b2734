/**
 * Contexts of `node:vm`: realms of their own whose global variables are the properties of an object
 * (ContextifyContext in node_contextify.cc). QuickJS has no hooks for a global object, so each property of the object
 * is an accessor of the global one that leads back to it; a proxy above it answers for those that come later.
 * Variables that scripts declare are the realm's own, and compared with the object before and after each script.
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

export class VmContext {
  /** The global object of the realm. */
  readonly global: Target;
  readonly #object: Target;
  readonly #evaluate: (source: string, filename: string, line: number) => unknown;
  readonly #compile: typeof host.compileFunction;
  /** Names that lead back to the object. */
  readonly #forwarded = new Set<string | symbol>();
  /** Names the language has, as they were. */
  readonly #builtIn: ReadonlySet<PropertyKey>;
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
    if (object !== undefined) Object.setPrototypeOf(global, this.#createFallback());
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
    const keys = new Set(Reflect.ownKeys(this.#object));
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
      this.#declared.add(key);
      Reflect.set(this.#object, key, this.global[key]);
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

  #forward(key: string | symbol): void {
    const object = this.#object;
    const isForwarded = Reflect.defineProperty(this.global, key, {
      get: () => object[key],
      set: (value: unknown) => this.#assign(key, value),
      enumerable: Object.getOwnPropertyDescriptor(object, key)?.enumerable === true,
      configurable: true,
    });
    if (isForwarded) this.#forwarded.add(key);
  }

  #assign(key: PropertyKey, value: unknown): boolean {
    return Reflect.set(this.#object, key, value);
  }

  /** Stands behind the global object: what is not declared there. */
  #createFallback(): object {
    const object = this.#object;
    const own = Object.getPrototypeOf(this.global) as object;
    return new Proxy(own, {
      has: (_, key) => key in object || key in own,
      get: (_, key, receiver) => (key in object ? object[key] : Reflect.get(own, key, receiver)),
      set: (_, key, value) => {
        const isSet = this.#assign(key, value);
        if (isSet && !this.#forwarded.has(key)) this.#forward(key);
        return isSet;
      },
    });
  }
}
