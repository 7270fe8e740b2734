/**
 * `Hash` and `Hmac` of `internalBinding('crypto')`. What is hashed in one go (an ETag, the signature of a cookie) is
 * held back until its digest is wanted and then takes one call of the engine.
 */
import { host } from '../host.ts';
import { NativeObject, crossing, valueOf } from '../native-answers.ts';
import type { Answer } from '../native-answers.ts';

type Data = string | ArrayBufferView;

/** Larger data is given to the engine at once rather than copied. */
const MAX_HELD = 65_536;

const encodingOf = (encoding: unknown): string | undefined =>
  typeof encoding === 'string' ? encoding : undefined;

/** Data of the first `update`, until there is a second. */
interface Held {
  readonly data: string | Uint8Array;
  readonly encoding: string | undefined;
}

const NOTHING: Held = { data: '', encoding: undefined };

/** Algorithms that the engine has made before: it would not refuse them. */
const knownHashes = new Set<string>();
const knownHmacs = new Set<string>();

abstract class Digest extends NativeObject {
  #held: Held | undefined;
  #isHolding = false;

  /** The engine's object comes into being. */
  protected abstract materialize(): void;
  protected abstract digestOf(held: Held, encoding: string | undefined): Answer;

  /** From now on data is held back. */
  protected hold(): void {
    this.#isHolding = true;
  }

  /** Makes the engine's object with all that was held back. */
  protected release(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.materialize();
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.call('update', held.data, held.encoding);
  }

  update(data: Data, encoding?: unknown): boolean {
    if (this.#isHolding && this.#held === undefined) {
      const bytes = crossing(data) as string | Uint8Array;
      if (bytes.length <= MAX_HELD) {
        this.#held = {
          data: typeof bytes === 'string' ? bytes : Uint8Array.prototype.slice.call(bytes),
          encoding: encodingOf(encoding),
        };
        return true;
      }
    }
    this.release();
    return this.call('update', data, encodingOf(encoding)) as boolean;
  }

  digest(encoding?: unknown): unknown {
    if (this.#isHolding) return valueOf(this.digestOf(this.#held ?? NOTHING, encodingOf(encoding)));
    return this.call('digest', encodingOf(encoding));
  }
}

export class Hash extends Digest {
  readonly #algorithm: string | undefined;

  constructor(
    algorithm: string | Hash,
    size?: number,
    _id?: number,
    _cache?: object,
    ...customization: readonly unknown[]
  ) {
    super();
    if (typeof algorithm === 'string' && size === undefined && customization.length === 0) {
      this.#algorithm = algorithm;
      if (knownHashes.has(algorithm)) {
        this.hold();
      } else {
        this.materialize();
        knownHashes.add(algorithm);
      }
    } else {
      if (typeof algorithm !== 'string') algorithm.release();
      this.make('Hash', [algorithm, size, ...customization]);
    }
  }

  protected materialize(): void {
    this.make('Hash', [this.#algorithm]);
  }

  protected digestOf({ data, encoding }: Held, output: string | undefined): Answer {
    return host.hash(this.#algorithm!, data, encoding, output);
  }
}

export class Hmac extends Digest {
  #algorithm = '';
  #key: unknown;

  init(algorithm: string, key: unknown): void {
    this.#algorithm = algorithm;
    this.#key = key instanceof NativeObject ? key : Uint8Array.prototype.slice.call(crossing(key));
    if (knownHmacs.has(algorithm)) return this.hold();
    this.materialize();
    knownHmacs.add(algorithm);
  }

  protected materialize(): void {
    this.make('Hmac', [this.#algorithm, this.#key]);
  }

  protected digestOf({ data, encoding }: Held, output: string | undefined): Answer {
    return host.hmac(this.#algorithm, crossing(this.#key), data, encoding, output);
  }
}

/** `crypto.hash()`. */
export const oneShotDigest = (
  algorithm: string,
  _id: number,
  _cache: object,
  data: Data,
  outputEncoding: string,
  _encoding: number,
  size?: number,
  functionName?: unknown,
  customization?: unknown,
): unknown => {
  const given = crossing(data);
  // Without lists of arguments it is twice as fast.
  if (functionName === undefined && customization === undefined) {
    return valueOf(host.oneShotDigest(algorithm, given, outputEncoding, size));
  }
  return valueOf(
    host.oneShotDigest(
      algorithm,
      given,
      outputEncoding,
      size,
      crossing(functionName),
      crossing(customization),
    ),
  );
};
