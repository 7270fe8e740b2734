import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkModuleFile } from './module-file.ts';

const HEADER = [0x00, 0x61, 0x73, 0x6d];

const check = async (content: Buffer | string) => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-module-'));
  const path = join(directory.path, 'x.wasm');
  await writeFile(path, content);
  await checkModuleFile(path);
};

describe('a module file', () => {
  test('with the header of a core module is accepted, whatever follows', async () => {
    await expect(check(Buffer.from([...HEADER, 1, 0, 0, 0]))).resolves.toBeUndefined();
    await expect(check(Buffer.from([...HEADER, 1, 0, 0, 0, 0xff, 0xff]))).resolves.toBeUndefined();
  });

  test.each<[string, Buffer | string, RegExp, RegExp]>([
    ['empty', '', /^not a WebAssembly module: .*x\.wasm is empty$/, /build or copy/],
    ['text', 'hello, world', /begins with "hello, w"$/, /compile the app/],
    ['short text', 'hi', /begins with "hi"$/, /compile the app/],
    ['text format', '(module)', /is in the text format$/, /wat2wasm/],
    ['a native program', '\u007FELF\u0002\u0001\u0001', /is a native program \(ELF\)$/, /compile the app/],
    ['half a header', Buffer.from([...HEADER, 1]), /ends after 5 bytes$/, /build or copy/],
    ['a component', Buffer.from([...HEADER, 0x0d, 0, 1, 0]), /is a WebAssembly component/, /wasm32-wasip1/],
    [
      'another version',
      Buffer.from([...HEADER, 2, 0, 0, 0]),
      /unknown WebAssembly version 2, layer 0/,
      /released compiler/,
    ],
  ])('%s is refused', async (_, content, message, hint) => {
    await expect(check(content)).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      exitStatus: 126,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  test('missing, or a directory', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-module-'));
    await expect(checkModuleFile(join(directory.path, 'none.wasm'))).rejects.toMatchObject({
      code: 'APP_NOT_FOUND',
    });
    await expect(checkModuleFile(directory.path)).rejects.toMatchObject({
      code: 'APP_NOT_RUNNABLE',
      message: `${directory.path} is a directory, not a .wasm file`,
    });
  });
});
