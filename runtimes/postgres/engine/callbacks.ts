/** Functions of the engine that C calls by pointers: a table takes nothing but functions of WebAssembly. */
import { unsigned } from '../../../src/wasm/leb128.ts';

/** How many numbers of 32 bits each takes; all return one (pglite's `pgl_set_…` functions). */
const PARAMETERS = { read: 2, write: 2, system: 1, popen: 2, pclose: 1 } as const;

/** WebAssembly Core Specification, binary format. */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const SECTION = { type: 1, import: 2, export: 7 } as const;
const FUNCTION = 0;
const FUNCTION_TYPE = 0x60;
const I32 = 0x7f;

/** Imports these functions as `host`, and exports them as functions of WebAssembly. */
export const callbackModule = (): WebAssembly.Module => {
  const entries = Object.entries(PARAMETERS);
  return new WebAssembly.Module(
    Uint8Array.from([
      ...HEADER,
      ...section(
        SECTION.type,
        entries.map(([, count]) => [
          FUNCTION_TYPE,
          count,
          ...Array.from({ length: count }, () => I32),
          1,
          I32,
        ]),
      ),
      ...section(
        SECTION.import,
        entries.map(([name], index) => [...text('host'), ...text(name), FUNCTION, index]),
      ),
      ...section(
        SECTION.export,
        entries.map(([name], index) => [...text(name), FUNCTION, index]),
      ),
    ]),
  );
};

const section = (id: number, items: readonly (readonly number[])[]): number[] => {
  const content = [...unsigned(items.length), ...items.flat()];
  return [id, ...unsigned(content.length), ...content];
};
const text = (value: string): number[] => [...unsigned(value.length), ...Buffer.from(value)];
