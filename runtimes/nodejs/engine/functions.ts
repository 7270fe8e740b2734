/** The engine's halves of guest/host.ts that belong to no family of their own. */
import { writeSync } from 'node:fs';
import { fillRandom } from '../../../src/engine/random.ts';
import { bindingShape, constantsOfEngine } from './binding-shapes.ts';
import type { Bridge } from './bridge.ts';
import type { EngineFunctions } from './guest.ts';
import type { Launch } from './launch.ts';
import { ThrownByGuest } from './guest-errors.ts';
import { librarySource } from './library.ts';
import { taking } from './taking.ts';
import { textFunctions } from './text-functions.ts';
import { urlPatternFunctions } from './url-pattern-functions.ts';
import { VALUE_SIZE } from './values.ts';

/** Bytes that names are made of are few; more are made where the guest has them. */
const MOST_RANDOM = 1024;

export const coreFunctions = (bridge: Bridge, app: () => Launch): EngineFunctions => ({
  plain: plainFunctions(bridge, app),
  raw: rawFunctions(bridge),
});

const plainFunctions = (bridge: Bridge, app: () => Launch): EngineFunctions['plain'] => ({
  ...textFunctions,
  ...urlPatternFunctions(),
  librarySource: (id: string) => librarySource(id),
  bindingShape: taking(['text'], bindingShape),
  constants: () => constantsOfEngine(),
  launch: () => JSON.stringify(app()),
  now: () => performance.now(),
  write: (fd: number, bytes: Uint8Array) => writeSync(fd, bytes),
  random: (length: number) => {
    const bytes = new Uint8Array(Math.min(length, MOST_RANDOM));
    fillRandom(bytes);
    return bytes;
  },
  printText: (fd: number, text: string) => void writeSync(fd, text),
  sleep: (milliseconds: number) => {
    // Nothing else runs in a sandbox meanwhile, as in Node itself.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  },
  memoryUsage: () => memoryUsage(bridge),
  collectGarbage: () => bridge.collectGarbage(),
  cpuUsage: () => {
    const { user, system } = process.cpuUsage();
    return [user, system];
  },
});

const rawFunctions = (bridge: Bridge): EngineFunctions['raw'] => ({
  compile: (_, values, result) => {
    const [parameters, body, filename] = [0, 1, 2].map((index) => bridge.text(values + index * VALUE_SIZE));
    compile(bridge, result, { parameters: parameters!, body: body!, filename: filename! });
  },
  compileLibrary: (_, values, result) => {
    const id = bridge.text(values + VALUE_SIZE);
    const body = librarySource(id);
    if (body === undefined) throw new Error(`No such built-in module: ${id}`);
    compile(bridge, result, { parameters: bridge.text(values), body, filename: `node:${id}` });
  },
  promise: (_, values, result) => {
    const value = bridge.allocate(VALUE_SIZE);
    const state = bridge.exports.bridge_promise(value, values);
    bridge.exports.bridge_array(result);
    const number = bridge.allocate(VALUE_SIZE);
    bridge.values.write(number, state);
    bridge.exports.bridge_set_element(result, 0, number);
    bridge.exports.bridge_set_element(result, 1, value);
    bridge.release(number);
    bridge.release(value);
  },
  isProxy: (_, values, result) => {
    bridge.values.write(result, bridge.exports.bridge_is_proxy(values) === 1);
  },
  proxyParts: (_, values, result) => {
    const parts = bridge.allocate(2 * VALUE_SIZE);
    bridge.exports.bridge_proxy_parts(parts, parts + VALUE_SIZE, values);
    bridge.exports.bridge_array(result);
    bridge.exports.bridge_set_element(result, 0, parts);
    bridge.exports.bridge_set_element(result, 1, parts + VALUE_SIZE);
    bridge.release(parts);
  },
});

/** Resident set, then heap total and used (the guest's memory), external, array buffers; bytes. */
const memoryUsage = (bridge: Bridge): number[] => {
  const { length } = bridge.memory.bytes;
  return [process.memoryUsage.rss(), length, length, 0, 0];
};

/** Leaves a function at `result`, or what the body's syntax is wrong about. Throws ThrownByGuest. */
const compile = (
  bridge: Bridge,
  result: number,
  { parameters, body, filename }: { parameters: string; body: string; filename: string },
): void => {
  if (!bridge.tryEvaluate(`(function (${parameters}) {${body}\n})`, filename, result))
    throw new ThrownByGuest();
};
