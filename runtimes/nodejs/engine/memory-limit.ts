/** The limit of a WebAssembly module's memory, which its binary form has in a section of its own. */

/** WebAssembly Core, "Modules": magic and version; the id of the memory section; bytes of a page. */
const HEADER_SIZE = 8;
const MEMORY_SECTION = 5;
const PAGE_SIZE = 65_536;
const HAS_MAXIMUM = 1;

/** Unsigned LEB128 at a position: its value, and where it ends. */
const readNumber = (bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } => {
  let value = 0;
  for (let at = start, shift = 0; ; at += 1, shift += 7) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, end: at + 1 };
  }
};

const writeNumber = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...writeNumber(Math.floor(value / 0x80))];

/**
 * The same module with a memory of its own that cannot grow beyond `size` bytes.
 * @throws {Error} where it has no memory, or more than one
 */
export const withMemoryLimit = (module: Uint8Array, size: number): Uint8Array<ArrayBuffer> => {
  for (let at = HEADER_SIZE; at < module.length;) {
    const { value: length, end: start } = readNumber(module, at + 1);
    if (module[at] === MEMORY_SECTION && module[start] === 1) {
      const { value: minimum } = readNumber(module, start + 2);
      const flags = module[start + 1]! | HAS_MAXIMUM;
      const section = [1, flags, ...writeNumber(minimum), ...writeNumber(Math.floor(size / PAGE_SIZE))];
      const head = Uint8Array.of(MEMORY_SECTION, ...writeNumber(section.length), ...section);
      return Uint8Array.from(Buffer.concat([module.subarray(0, at), head, module.subarray(start + length)]));
    }
    at = start + length;
  }
  throw new Error('the module has no memory of its own');
};
