/** `internalBinding('url_pattern')` (node_url_pattern.cc): the engine compares, here is the class programs see. */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { URL_PATTERN_GETTERS, URL_PATTERN_PARTS } from '../url-pattern-parts.ts';

/** What may be given for a pattern or an input, in the order it is read. */
const MEMBERS = [...URL_PATTERN_PARTS, 'baseURL'] as const;

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

/** A value that JSON has, of the same kind as far as Node looks. */
const plain = (value: unknown): unknown => {
  if (typeof value === 'string' || value === null || value === undefined) return value;
  return isObject(value) ? {} : 0;
};

/** Members that are texts; others Node takes no notice of. */
const members = (value: unknown): unknown => {
  if (!isObject(value)) return plain(value);
  const taken: Record<string, string> = {};
  for (const name of MEMBERS) {
    const member = (value as Record<string, unknown>)[name];
    if (typeof member === 'string') taken[name] = member;
  }
  return taken;
};

const options = (value: unknown): unknown => {
  if (!isObject(value)) return plain(value);
  const { ignoreCase } = value as { ignoreCase?: unknown };
  return ignoreCase === undefined ? {} : { ignoreCase: Boolean(ignoreCase) };
};

/** As JSON; what is undefined at the end was not given. */
const listOf = (values: readonly unknown[]): string =>
  JSON.stringify(values.slice(0, values.findLastIndex((value) => value !== undefined) + 1));

/** Errors of the engine come as plain ones. */
const asking = <Result>(ask: () => Result): Result => {
  try {
    return ask();
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    throw Object.assign(new TypeError(message), { code });
  }
};

/** JSON has no undefined: that is what a group is that has matched nothing. */
const withGroups = (part: { groups: Record<string, unknown> }): void => {
  for (const name of Object.keys(part.groups)) part.groups[name] ??= undefined;
};

type Result = Record<string, { groups: Record<string, unknown> }>;

const resultOf = (answer: string): object => {
  const result = JSON.parse(answer) as Result;
  for (const name of Object.keys(result)) if (name !== 'inputs') withGroups(result[name]!);
  return Object.setPrototypeOf(result, null) as object;
};

class URLPattern {
  readonly #definition: string;
  #parts: Record<string, unknown> | undefined;

  // Node's has no parameters either.
  constructor(...values: unknown[]) {
    const [input, second, third] = values;
    this.#definition = listOf([
      members(input),
      typeof second === 'string' ? second : options(second),
      options(third),
    ]);
    asking(() => this.#read());
  }

  #read(): Record<string, unknown> {
    this.#parts ??= JSON.parse(host.urlPatternParts(this.#definition)) as Record<string, unknown>;
    return this.#parts;
  }

  static part(pattern: unknown, name: string): unknown {
    return URLPattern.#own(pattern).#read()[name];
  }

  static #own(pattern: unknown): URLPattern {
    if (isObject(pattern) && #definition in pattern) return pattern;
    throw new TypeError('Illegal invocation');
  }

  exec(...values: unknown[]): object | null {
    const { [0]: input, [1]: base } = values;
    const definition = URLPattern.#own(this).#definition;
    const answer = asking(() => host.urlPatternExec(definition, listOf([members(input), plain(base)])));
    return answer === undefined ? null : resultOf(answer);
  }

  test(...values: unknown[]): boolean {
    const { [0]: input, [1]: base } = values;
    const definition = URLPattern.#own(this).#definition;
    return asking(() => host.urlPatternTest(definition, listOf([members(input), plain(base)])));
  }
}

const { part } = URLPattern;
// Programs see the class.
delete (URLPattern as { part?: unknown }).part;

for (const name of URL_PATTERN_GETTERS) {
  const { get } = {
    get(this: unknown): unknown {
      return part(this, name);
    },
  };
  Object.defineProperty(URLPattern.prototype, name, { get, enumerable: true, configurable: false });
}
for (const name of ['exec', 'test'] as const)
  Object.defineProperty(URLPattern.prototype, name, { enumerable: true });
Object.defineProperty(URLPattern.prototype, Symbol.toStringTag, { value: 'URLPattern', configurable: true });

export const createUrlPattern = (): Binding => ({ URLPattern });
