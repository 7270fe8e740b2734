/**
 * Bindings as the engine's own Node has them, made of the shapes engine/binding-shapes.ts tells: constants are real,
 * functions are not there and say so when they are called.
 */
import { host } from './host.ts';
import { refusal } from './refusals.ts';

type Shape = {
  readonly value?: unknown;
  readonly callable?: Readonly<Record<string, number>>;
  readonly symbol?: string;
  readonly typedArray?: string;
  readonly length?: number;
  readonly bigint?: string;
  readonly list?: readonly Shape[];
  readonly object?: Readonly<Record<string, Shape>>;
};

export type Binding = Record<PropertyKey, unknown>;

/** Functions that only tell V8 or libuv something: there is nobody to tell. */
const SETTER = /^(?:set|enable|disable|refresh|update|install|remove|register)/;

/** A function or class that is missing, as one that says so. */
const missing = (path: string, constants: Readonly<Record<string, number>>): unknown => {
  const name = path.slice(path.lastIndexOf('.') + 1);
  const isSetter = SETTER.test(name);
  const stand = function (): void {
    if (isSetter) return;
    throw refusal(path);
  };
  return Object.assign(stand, constants);
};

const build = (shape: Shape, path: string): unknown => {
  if (shape.callable !== undefined) return missing(path, shape.callable);
  if (shape.symbol !== undefined) return Symbol(shape.symbol);
  if (shape.typedArray !== undefined) {
    const Constructor = (globalThis as unknown as Record<string, new (length: number) => unknown>)[
      shape.typedArray
    ]!;
    return new Constructor(shape.length ?? 0);
  }
  if (shape.bigint !== undefined) return BigInt(shape.bigint);
  if (shape.list !== undefined) return shape.list.map((each, index) => build(each, `${path}.${index}`));
  if (shape.object !== undefined) {
    const result: Binding = {};
    for (const name of Object.keys(shape.object))
      result[name] = build(shape.object[name]!, `${path}.${name}`);
    return result;
  }
  return shape.value;
};

/** The binding with this name, all of it missing but its constants. */
export const shapedBinding = (name: string): Binding =>
  build(JSON.parse(host.bindingShape(name)) as Shape, name) as Binding;

/** Adds what `binding` has not. */
export const completeBinding = (name: string, binding: Binding): Binding => {
  const shape = shapedBinding(name);
  for (const key of Object.keys(shape)) if (!(key in binding)) binding[key] = shape[key];
  return binding;
};
