/**
 * `URLPattern` for the guest: Node's own in the engine reads the patterns and compares. It is known by what it was made
 * of, so that the guest has nothing to give back.
 */
import { URLPattern } from 'node:url';
import { URL_PATTERN_GETTERS } from '../guest/url-pattern-parts.ts';
import type { HostFunction } from './bridge.ts';
import { taking } from './taking.ts';

/** Patterns that are kept: a program has few, and asks them often. Longer ones (in UTF-16 units) are made each time. */
const MOST_KEPT = 256;
const LONGEST_KEPT = 4096;

type Values<Call extends (...values: never[]) => unknown> = Parameters<Call>;

/** A group that has matched nothing is undefined, which JSON has not. */
const nullForUndefined = (_: string, value: unknown): unknown => (value === undefined ? null : value);

/**
 * What a guest calls: values cross as JSON. Errors are those of Node, with their codes.
 * @returns functions for one guest
 */
export const urlPatternFunctions = (): Readonly<Record<string, HostFunction>> => {
  const kept = new Map<string, URLPattern>();
  const patternOf = (definition: string): URLPattern => {
    const known = kept.get(definition);
    if (known !== undefined) return known;
    const values = JSON.parse(definition) as ConstructorParameters<typeof URLPattern>;
    const pattern = new URLPattern(...values);
    if (definition.length <= LONGEST_KEPT) {
      if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value!);
      kept.set(definition, pattern);
    }
    return pattern;
  };
  return {
    urlPatternParts: taking(['text'], (definition: string) => {
      const pattern = patternOf(definition);
      return JSON.stringify(Object.fromEntries(URL_PATTERN_GETTERS.map((name) => [name, pattern[name]])));
    }),
    urlPatternTest: taking(['text', 'text'], (definition: string, values: string) =>
      patternOf(definition).test(...(JSON.parse(values) as Values<URLPattern['test']>)),
    ),
    urlPatternExec: taking(['text', 'text'], (definition: string, values: string) => {
      const result = patternOf(definition).exec(...(JSON.parse(values) as Values<URLPattern['exec']>));
      return result === null ? undefined : JSON.stringify(result, nullForUndefined);
    }),
  };
};
