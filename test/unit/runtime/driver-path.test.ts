import { expect, test } from 'vitest';
import { fileURLToPath } from 'node:url';
import { driverPath } from '../../../src/runtime/driver-path.ts';

test('a runtime’s driver lies in its folder, for who runs from source', () => {
  const expected = fileURLToPath(new URL('../../../runtimes/wasm/driver.ts', import.meta.url));
  expect(driverPath('wasm')).toBe(expected);
});
