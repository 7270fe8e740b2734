/** The snippets of README.md, and those that cannot be run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownSnippets } from '../../helpers/markdown-snippets.ts';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const SNIPPETS = markdownSnippets(readFileSync(join(ROOT, 'README.md'), 'utf8'));

/** By how they begin: whole snippets, or lines of others. */
export const NOT_RUN: Readonly<Record<string, string>> = {
  'npm ci && npm start ': 'installs this checkout anew; npm start is run below',
  'npm ci && npm run verify ': 'this test is part of it',
  'npm install -g . ': "changes the system's directories",
  'apt-get install clang': "changes the system's packages; they are installed here",
  'cd examples/express-api && npm install': 'downloads packages; they are laid beside the example',
  'pip install --target ': 'downloads packages; they are laid beside the example',
  'warning: forwards on 0.0.0.0': 'needs ufw: test/privileged/coexistence/other-firewalls.test.ts has it',
};
export const reasonFor = (text: string): string | undefined =>
  Object.entries(NOT_RUN).find(([begin]) => text.startsWith(begin))?.[1];

/** What is to be typed: without comments, and without what cannot be run. */
export const commandsIn = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => reasonFor(line) === undefined)
    .map((line) => line.replace(/^[$#] /, '').replace(/ +# .*$/, ''));
