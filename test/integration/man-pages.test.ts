/** The manual pages, as they are built, as mandoc and groff read them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newProgram } from '../../scripts/command-line.ts';
import { manPages } from '../../scripts/man-pages.ts';
import { mdocArgument, mdocText } from '../../scripts/mdoc.ts';
import { commandPath, visibleTree } from '../../src/cli/command-tree.ts';
import { FIELD_NAMES, FIELDS } from '../../src/config/fields.ts';

const pages = manPages(new Date(0));

/** As it is read, without bold and underlined letters: those are printed over what stands before a backspace. */
const render = (text: string): string =>
  execFileSync('mandoc', ['-T', 'utf8', '-O', 'width=1000'], { input: text, encoding: 'utf8' })
    .split('\b')
    .map((piece, index, all) => (index === all.length - 1 ? piece : piece.slice(0, -1)))
    .join('');

test('npm installs every page: package.json lists them', () => {
  const { man } = JSON.parse(readFileSync('package.json', 'utf8')) as { man: string[] };
  expect(man.toSorted()).toEqual(pages.map(({ file }) => `dist/man/${file}`).sort());
});

describe.each(pages)('$file', ({ text }) => {
  test('is read without a warning', () => {
    for (const [file, ...args] of [
      ['mandoc', '-T', 'lint', '-W', 'warning'],
      ['groff', '-mandoc', '-ww', '-z', '-Tutf8'],
    ] as const) {
      const { stdout, stderr, status } = spawnSync(file, args, { input: text, encoding: 'utf8' });
      expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
    }
  });
});

test('every command stands in them with all its arguments and options', () => {
  const program = newProgram();
  for (const command of visibleTree(program)) {
    const [first, second] = commandPath(command).split(' ');
    const file = second === undefined ? `${first}.1` : `${first}-${second}.1`;
    const shown = render(pages.find((page) => page.file === file)!.text);
    expect(shown).toContain(commandPath(command));
    for (const { flags, description } of command.options) {
      const plain = flags.replaceAll(/[<>]|(?<= )\[|\]$/g, '');
      expect(shown.replaceAll(/\s+/g, ' ')).toContain(` ${plain} ${description.replaceAll(/\s+/g, ' ')}`);
    }
    for (const argument of command.registeredArguments)
      expect(shown).toMatch(new RegExp(`^ +${RegExp.escape(argument.name())}(\\.\\.\\.)?( |$)`, 'm'));
  }
  const main = render(pages[0]!.text);
  for (const name of FIELD_NAMES) {
    const { variable } = FIELDS[name] as { variable?: string };
    if (variable !== undefined) expect(main).toContain(variable);
  }
});

test('any text is shown as it is', () => {
  const letter = fc.constantFrom(...Array.from(String.raw`a Z.'"\-[](){}<>|,:;*$#~^é→`));
  fc.assert(
    fc.property(fc.string({ unit: letter, minLength: 1, maxLength: 12 }), (text) => {
      const page = (line: string) =>
        render(`.Dd x\n.Dt X 1\n.Os\n.Sh NAME\n.Nm x\n.Nd x\n.Sh D\n.Bd -literal\n${line}\n.Ed\n`);
      const line = `x${text}x`;
      expect(page(mdocText(line))).toContain(line);
      expect(page(mdocText(`${text}x`))).toContain(`${text}x`.trimStart());
      expect(page(`.No ${mdocArgument(line)}`)).toContain(line);
    }),
    { numRuns: 60 },
  );
});
