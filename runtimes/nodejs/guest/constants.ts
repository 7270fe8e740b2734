/** Tables of the engine's own Node, read once. */
import { host } from './host.ts';

interface EngineConstants {
  /** Error number of libuv (negative), then its name and message. */
  readonly errors: readonly (readonly [number, readonly [name: string, message: string]])[];
  readonly options: Record<string, unknown>;
  readonly builtinIds: readonly string[];
  readonly buildConfig: unknown;
  readonly privateSymbols: readonly string[];
  readonly symbols: readonly string[];
  readonly version: string;
  readonly versions: Record<string, string>;
  readonly release: object;
}

export const engine = JSON.parse(host.constants()) as EngineConstants;

const symbolsOf = (
  names: readonly string[],
  make: (name: string) => symbol = Symbol,
): Record<string, symbol> => Object.fromEntries(names.map((name) => [name, make(name)]));

/** By which the library marks objects in places the app does not see. */
export const privateSymbols = symbolsOf(engine.privateSymbols, (name) => host.privateSymbol(name));
/** Names of the methods and properties the bindings use of the library's objects. */
export const symbols = symbolsOf(engine.symbols);

export const errorMap = new Map(engine.errors);
