/**
 * What the internal bindings of the engine's own Node look like: constants are handed on as they are, and functions
 * the guest does not have are replaced by ones that say so.
 */
import { engineBinding as internalBinding } from './engine-binding.ts';

type Binding = Record<string, unknown>;

/** A value as JSON: what stands for things JSON has not is guest/binding-shape.ts's to make. */
type Shape =
  | { readonly value: unknown }
  | { readonly callable: Readonly<Record<string, number>> }
  | { readonly symbol: string }
  | { readonly typedArray: string; readonly length: number }
  | { readonly bigint: string }
  | { readonly list: readonly Shape[] }
  | { readonly object: Readonly<Record<string, Shape>> };

/** All of the library, in the binding `builtins`. */
const TEXTS = 'natives';

/** Bindings are at most this deep. */
const DEPTH = 4;

/** Names of constants need not be enumerable; those of functions are then meant for nobody. */
const namesIn = (value: object): readonly string[] => {
  const names = Object.keys(value);
  const isTable = names.every((name) => typeof (value as Binding)[name] === 'number');
  return isTable ? Object.getOwnPropertyNames(value) : names;
};

const shapeOf = (value: unknown, depth = 0): Shape => {
  if (typeof value === 'function') {
    const numbers = Object.entries(value).filter(([, each]) => typeof each === 'number');
    return { callable: Object.fromEntries(numbers) };
  }
  if (typeof value === 'symbol') return { symbol: value.description ?? '' };
  if (typeof value === 'bigint') return { bigint: String(value) };
  if (ArrayBuffer.isView(value)) {
    return { typedArray: value.constructor.name, length: (value as Uint8Array).length };
  }
  if (Array.isArray(value)) return { list: value.map((each) => shapeOf(each, depth + 1)) };
  if (typeof value === 'object' && value !== null) {
    const entries =
      depth < DEPTH
        ? namesIn(value)
            .filter((key) => key !== TEXTS)
            .map((key) => [key, shapeOf((value as Binding)[key], depth + 1)])
        : [];
    return { object: Object.fromEntries(entries) as Record<string, Shape> };
  }
  return { value };
};

/** The shape of a binding as JSON; that of an empty one where there is none of the name. */
export const bindingShape = (name: string): string => {
  let binding: Binding;
  try {
    binding = internalBinding(name);
  } catch {
    binding = {};
  }
  return JSON.stringify(shapeOf(binding));
};

/** Tables that the library asks bindings for by calling them, as JSON. */
export const constantsOfEngine = (): string => {
  const uv = internalBinding('uv') as { getErrorMap(): Map<number, [string, string]> };
  const options = internalBinding('options') as { getCLIOptionsValues(): Record<string, unknown> };
  const builtins = internalBinding('builtins') as { builtinIds: string[]; config: unknown };
  const { privateSymbols } = internalBinding('util') as { privateSymbols: object };
  return JSON.stringify({
    errors: [...uv.getErrorMap()],
    options: options.getCLIOptionsValues(),
    builtinIds: builtins.builtinIds,
    buildConfig: builtins.config,
    privateSymbols: Object.keys(privateSymbols),
    symbols: Object.keys(internalBinding('symbols')),
    version: process.version,
    versions: process.versions,
    release: process.release,
  });
};
