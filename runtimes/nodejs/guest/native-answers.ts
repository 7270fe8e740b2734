/**
 * What the engine's own Node answers, made values of the guest again (the engine's half is engine/native-answers.ts),
 * and objects that stand for those the engine keeps.
 */
import { bytesOf, newBuffer } from './bindings/buffer.ts';
import { host } from './host.ts';
import { LooseReference } from './kept-objects.ts';

/** Everything that an engine function answers: a value that crosses, or a list with a tag in front. */
export type Answer = undefined | null | boolean | number | string | Uint8Array | readonly Answer[];

type Make = (number: number) => object;

const makers = new Map<string, Make>();

/** Objects of this class come out of answers. */
export const onNative = (className: string, make: Make): void => void makers.set(className, make);

const ERRORS: Readonly<Record<string, ErrorConstructor>> = { Error, TypeError, RangeError };

const entriesInto = (object: Record<string, unknown>, parts: readonly Answer[], first: number): object => {
  for (let at = first; at < parts.length; at += 2) {
    Object.defineProperty(object, parts[at] as string, {
      value: valueOf(parts[at + 1]),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return object;
};

const errorOf = (parts: readonly Answer[]): object => {
  const ErrorOfName = ERRORS[parts[1] as string] ?? Error;
  return entriesInto(new ErrorOfName(parts[2] as string) as never, parts, 3);
};

/** The value that an answer means. Throws what the engine's function has thrown. */
export const valueOf = (answer: Answer): unknown => {
  if (typeof answer !== 'object' || answer === null) return answer;
  if (ArrayBuffer.isView(answer)) return newBuffer(answer);
  const parts = answer;
  switch (parts[0]) {
    case 'thrown':
      throw valueOf(parts[1]);
    case 'error':
      return errorOf(parts);
    case 'arrayBuffer':
      return (parts[1] as Uint8Array).buffer;
    case 'list':
      return parts.slice(1).map((each) => valueOf(each));
    case 'native':
      return makers.get(parts[1] as string)!(parts[2] as number);
    case 'object':
      return entriesInto(parts[1] === true ? {} : (Object.create(null) as never), parts, 2);
    case 'bigint':
      return BigInt(parts[1] as string);
    case 'date':
      return new Date(parts[1] as number);
    default:
      throw new TypeError('The engine has answered something unknown');
  }
};

/** The fields of a JWK (RFC 7517, RFC 7518, RFC 8037) that keys are made of. */
const JWK_FIELDS = 'kty k crv x y d n e p q dp dq qi alg pub priv'.split(' ');

/** What crosses for a value the library gives to its binding. */
export const crossing = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof NativeObject) return value.number;
  if (ArrayBuffer.isView(value)) return bytesOf(value);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return bytesOf(value);
  return JSON.stringify(
    Object.fromEntries(JWK_FIELDS.map((name) => [name, (value as Record<string, unknown>)[name]])),
  );
};

/** Objects that stand for one of the engine. */
const alive = new Map<number, LooseReference<NativeObject>>();
/** How many objects are looked through at least. */
const MIN_SWEEP = 128;
let sweepAt = MIN_SWEEP;

/** Frees what nobody holds any more; finalization callbacks would come too late for a loop that never waits. */
const sweep = (): void => {
  for (const [number, reference] of alive) {
    if (reference.isAlive) continue;
    alive.delete(number);
    host.freeNative(number);
  }
  sweepAt = Math.max(MIN_SWEEP, alive.size * 2);
};

const isMemoryShort = (error: unknown): boolean =>
  (error as { code?: unknown }).code === 'ERR_MEMORY_ALLOCATION_FAILED';

/** An object of the engine, as the guest has it. */
export class NativeObject {
  #number = 0;

  /** By which the engine knows it; 0 before it is made. */
  get number(): number {
    return this.#number;
  }

  /** Stands from now on for the object with this number. */
  adopt(number: number): void {
    this.#number = number;
    alive.set(number, new LooseReference(this));
    if (alive.size > sweepAt) sweep();
  }

  /** Stands from now on for the object that `make` has the engine make. */
  obtain(make: () => number): void {
    let number: number;
    try {
      number = make();
    } catch (error) {
      if (!isMemoryShort(error)) throw error;
      host.collectGarbage();
      sweep();
      number = make();
    }
    this.adopt(number);
  }

  /** Has the engine make an object of a class of crypto; what its constructor or `init` returned. */
  make(className: string, values: readonly unknown[]): unknown {
    let said: unknown;
    this.obtain(() => {
      const made = valueOf(host.cryptoMake(className, ...values.map(crossing))) as [number, unknown];
      said = made[1];
      return made[0];
    });
    return said;
  }

  /** Calls a method of the engine's object. */
  call(name: string, ...values: readonly unknown[]): unknown {
    return valueOf(host.cryptoMethod(this.#number, name, ...values.map(crossing)));
  }

  /** Frees the engine's object; calls throw from now on. */
  free(): void {
    if (this.#number === 0) return;
    alive.delete(this.#number);
    host.freeNative(this.#number);
    this.#number = 0;
  }
}
