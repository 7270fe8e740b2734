import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WasmModule } from '../../../src/wasm/wasm-module.ts';
import { checksumByVectors } from './page-checksums.ts';

/** Of the version that is known. */
const IMPORTED_FUNCTIONS = 135;
const PAGE_SIZE = 8192;
/** What the module wants to have at least, in pages of WebAssembly. */
const MEMORY_PAGES = 2048;

const require = createRequire(import.meta.url);
const original = readFileSync(join(dirname(require.resolve('@electric-sql/pglite')), 'pglite.wasm'));

const rewritten = (): WasmModule => {
  const module = new WasmModule(original);
  checksumByVectors(module, IMPORTED_FUNCTIONS);
  return module;
};

/** pg_checksum_page(), for the page that the memory ends with: reading beyond it would trap. */
const checksumIn = (bytes: Uint8Array) => {
  const module = new WebAssembly.Module(bytes.slice());
  const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: 32_768 });
  const imports: Record<string, Record<string, unknown>> = {};
  for (const each of WebAssembly.Module.imports(module)) {
    (imports[each.module] ??= {})[each.name] = each.kind === 'memory' ? memory : () => 0;
  }
  const { exports } = new WebAssembly.Instance(module, imports as WebAssembly.Imports);
  const checksum = exports['pg_checksum_page'] as (page: number, block: number) => number;
  const address = memory.buffer.byteLength - PAGE_SIZE;
  const place = new Uint8Array(memory.buffer, address);
  return (page: Uint8Array, block: number): { checksum: number; left: Uint8Array } => {
    place.set(page);
    return { checksum: checksum(address, block), left: place.slice() };
  };
};

const pages = fc.oneof(
  fc.uint8Array({ minLength: PAGE_SIZE, maxLength: PAGE_SIZE, size: 'max' }),
  // Mostly the same thing, as pages of tables are.
  fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.array(fc.tuple(fc.nat(PAGE_SIZE - 1), fc.nat(255))))
    .map(([filling, others]) => {
      const page = new Uint8Array(PAGE_SIZE).fill(filling);
      for (const [at, byte] of others) page[at] = byte;
      return page;
    }),
);
const blocks = fc.nat(2 ** 32 - 1);

test('every page has the checksum that PostgreSQL’s own function gives it, and stays as it is', () => {
  const [expected, actual] = [checksumIn(original), checksumIn(rewritten().bytes())];
  fc.assert(
    fc.property(pages, blocks, (page, block) => {
      const { checksum, left } = actual(page, block);
      expect(checksum).toBe(expected(page, block).checksum);
      expect(Buffer.from(left).equals(page)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('another function than the one that is known is refused', () => {
  const module = rewritten();
  expect(() => checksumByVectors(module, IMPORTED_FUNCTIONS)).toThrow('checksums of pages in another way');
});
