/** What can stand where the cursor is, in a command line made for it. */
import { Command } from 'commander';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { complete, type Place, type Values } from '../../../src/cli/completion/complete.ts';
import { valuesOf } from '../../../src/cli/completion/values.ts';
import { newProgram } from '../../../scripts/command-line.ts';

const program = new Command('tool').option('--quiet', 'say nothing');
program.command('port').command('close').argument('<sandbox>').argument('<mapping...>').option('--now');
program.command('os').argument('<app>').option('--kind <kind>').option('-n, --name <name>', 'first\nsecond');
program.command('secret', { hidden: true });

/** Answers with what it is asked. */
const ask = async (...words: string[]) => {
  const places: Place[] = [];
  const values: Values = async (place) => {
    places.push(place);
    return { candidates: [{ word: 'one', description: '' }], paths: 'none' };
  };
  const { candidates, paths } = await complete(program as never, words, values);
  return { words: candidates.map(({ word }) => word), paths, places };
};

test('commands, but no hidden ones', async () => {
  expect(await ask('')).toMatchObject({ words: ['port', 'os', 'help'] });
  expect(await ask('p')).toMatchObject({ words: ['port'] });
  expect(await ask('port', '')).toMatchObject({ words: ['close', 'help'] });
  expect(await ask('help', 'o')).toMatchObject({ words: ['os'] });
  expect(await ask('help', 'os', '')).toMatchObject({ words: [] });
});

test('arguments, in their turn; the last may be one of many', async () => {
  const placeholders = async (...words: string[]) =>
    (await ask('port', 'close', ...words)).places.map(({ placeholder }) => placeholder);
  expect(await placeholders('')).toEqual(['sandbox']);
  expect(await placeholders('--now', 'web', '')).toEqual(['mapping']);
  expect(await placeholders('web', '1:1', '2:2', '')).toEqual(['mapping']);
  expect(await ask('os', 'app', '')).toEqual({ words: [], paths: 'none', places: [] });
});

test('options, and what follows them', async () => {
  expect(await ask('os', '-')).toMatchObject({ words: ['--kind', '--name', '--help'] });
  const kind = { placeholder: 'kind', option: '--kind' };
  expect(await ask('os', '--kind', '')).toMatchObject({ words: ['one'], places: [kind] });
  expect(await ask('os', '--kind=o')).toMatchObject({ words: ['--kind=one'], places: [kind] });
  expect(await ask('os', '-n', 'web', '--k')).toMatchObject({ words: ['--kind'] });
  expect(await ask('os', '--kind', '--name', '')).toMatchObject({ places: [{ placeholder: 'app' }] });
  expect((await complete(program as never, ['os', '--na'], valuesOf)).candidates).toEqual([
    { word: '--name', description: 'first' },
  ]);
});

test('nothing after -- is an option', async () => {
  expect(await ask('os', '--', '-')).toMatchObject({ places: [{ placeholder: 'app' }] });
  expect(await ask('os', 'app', '--', '--k')).toEqual({ words: [], paths: 'files', places: [] });
});

test('whatever is typed is completed, if at all', async () => {
  const wasmrun = newProgram();
  const known = fc.constantFrom('os', 'config', 'help', '--', '--forward', '--env=', '--language', '-', '');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(known, fc.string()), { maxLength: 6 }), async (words) => {
      const { candidates } = await complete(wasmrun, words, valuesOf);
      for (const { word } of candidates) expect(word.startsWith(words.at(-1) ?? '')).toBe(true);
    }),
  );
});
