import * as fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WasmrunError } from '../../src/errors.ts';
import { ALIASES, HONOURED, takeNodeFlags, WITHOUT_EFFECT } from './node-flags.ts';

/** Runs this very Node with flags and a CommonJS program that may see its insides; returns what it prints. */
const askNode = (flags: readonly string[], program: string, directory: string): unknown => {
  const file = join(directory, 'program.cjs');
  writeFileSync(file, `const { internalBinding } = require('internal/test/binding');\n${program}`);
  return JSON.parse(
    execFileSync(process.execPath, ['--expose-internals', ...flags, file], {
      cwd: directory,
      env: {},
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
};

const PRINT_TABLE = `
const { options, aliases } = internalBinding('options').getCLIOptionsInfo();
console.log(JSON.stringify({
  types: internalBinding('options').types,
  options: Object.fromEntries([...options].map(([name, { type }]) => [name, type])),
  aliases: Object.fromEntries(aliases),
}));`;

describe("Node's own table of flags", () => {
  test('knows every flag that is honoured, of the same kind, and every alias', () => {
    using directory = mkdtempDisposableSync(join(tmpdir(), 'wasmrun-flags-'));
    const table = askNode([], PRINT_TABLE, directory.path) as {
      types: Record<'kNoOp' | 'kBoolean' | 'kInteger' | 'kUInteger' | 'kString' | 'kStringList', number>;
      options: Record<string, number>;
      aliases: Record<string, string[]>;
    };
    const { types, options, aliases } = table;
    const kinds: Record<string, number[]> = {
      boolean: [types.kBoolean],
      number: [types.kInteger, types.kUInteger],
      text: [types.kString],
      list: [types.kStringList],
    };
    for (const [name, kind] of Object.entries(HONOURED)) expect(kinds[kind], name).toContain(options[name]);
    for (const name of WITHOUT_EFFECT) expect(options[name], name).toBe(types.kNoOp);
    for (const [alias, name] of Object.entries(ALIASES)) {
      // It knows some of the old names as options of their own.
      if (alias in options) expect(options[name], alias).toBe(options[alias]);
      else expect(aliases[alias], alias).toEqual([name]);
    }
  });

  test('has the same values for the same flags', () => {
    using directory = mkdtempDisposableSync(join(tmpdir(), 'wasmrun-flags-'));
    writeFileSync(join(directory.path, 'preload.cjs'), '');
    writeFileSync(join(directory.path, '.env'), 'A=1');
    const given = `-r ./preload.cjs --require=./preload.cjs --import ./preload.cjs -C one --conditions=two
      --env-file=.env --env-file-if-exists none.env --enable_source_maps --no-warnings --disable-warning=DEP0001
      --max-http-header-size 1234 --stack-trace-limit=7 --title=web --unhandled-rejections=strict
      --experimental-strip-types --no-network-family-autoselection`.split(/\s+/);
    const { flags, rest } = takeNodeFlags([...given, 'server.js', '--no-warnings']);
    expect(rest).toEqual(['server.js', '--no-warnings']);
    expect(flags.envFiles).toEqual([
      { path: '.env', optional: false },
      { path: 'none.env', optional: true },
    ]);
    const names = JSON.stringify(Object.keys(flags.options));
    const program = `
      const values = internalBinding('options').getCLIOptionsValues();
      const options = Object.fromEntries(${names}.map((name) => [name, values[name]]));
      console.log(JSON.stringify({ options, execArgv: process.execArgv.slice(1) }));`;
    const { options, execArgv } = flags;
    expect({ options, execArgv }).toEqual(askNode(given, program, directory.path));
  });
});

describe('flags', () => {
  test.each([
    ['--max-old-space-size=4096', 'V8'],
    ['--max_old_space_size=4096', 'V8'],
    ['--inspect=0.0.0.0:9229', 'inspector'],
    ['--watch', '--watch'],
  ])('%s is left out, with a word about it', (flag, word) => {
    const { flags, rest } = takeNodeFlags([flag, 'server.js']);
    expect(flags).toMatchObject({ execArgv: [], options: {} });
    expect(flags.notices.join()).toContain(word);
    expect(rest).toEqual(['server.js']);
  });

  test('for TypeScript are not needed', () => {
    const words = ['-r', 'ts-node/register', '--import=tsx', '--loader', 'ts-node/esm', 'server.ts'];
    const { flags, rest } = takeNodeFlags(words);
    expect(flags.options).toEqual({});
    expect(flags.notices).toHaveLength(3);
    expect(rest).toEqual(['server.ts']);
  });

  test.each([
    [['--require'], '--require: it needs a value'],
    [['--no-require', 'x'], '--no-require: wasmrun does not know it'],
    [['--enable-source-maps=yes'], '--enable-source-maps: it takes no value'],
    [['--max-http-header-size=many'], 'must be a number'],
    [['--loader', './hooks.js'], '--loader: module hooks'],
    [['--permission'], '--permission: the sandbox has rules of its own'],
    [['--toString'], '--toString: wasmrun does not know it'],
  ])('%j are refused', (words, message) => {
    expect(() => takeNodeFlags([...words])).toThrow(message);
  });

  test('end at the first word that is none, and no word is lost', () => {
    const word = fc.oneof(
      fc.constantFrom(
        ...Object.keys(HONOURED),
        ...Object.keys(ALIASES),
        '--',
        '-',
        '--watch',
        'a=b',
        '--title=x',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        try {
          const { rest } = takeNodeFlags(words);
          expect(words.slice(words.length - rest.length)).toEqual(rest);
        } catch (error) {
          expect(error).toBeInstanceOf(WasmrunError);
        }
      }),
    );
  });
});
