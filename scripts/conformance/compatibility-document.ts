/**
 * docs/node-compatibility.md, docs/python-compatibility.md: sections that a suite writes, each with a table of what fails and, in its last
 * column, why. The reasons are written by hand; a suite that writes its section anew keeps them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface Failure {
  /** Name of the test. */
  readonly name: string;
  /** What it says. */
  readonly complaint: string;
}

interface Row extends Failure {
  readonly reason: string;
}

export interface Section {
  /** In the markers around it and as its heading. */
  readonly title: string;
  /** Markdown above the table of failures. */
  readonly summary: string;
  readonly failures: readonly Failure[];
}

export interface WrittenDocument {
  readonly text: string;
  /** Failures that nobody has given a reason yet. */
  readonly unexplained: readonly string[];
  /** Failures that say something else than when their reason was written. */
  readonly doubtful: readonly string[];
}

const HEADINGS = '| test | says | reason |\n| --- | --- | --- |';

const markersOf = (title: string): readonly [begin: string, end: string] => [
  `<!-- ${title}: made by a script, but for the reasons -->`,
  `<!-- end of ${title} -->`,
];

/** A text as a cell: one line, in which nothing ends the cell. */
const cell = (text: string): string =>
  text
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replaceAll(/[\\|]/g, (character) => `\\${character}`);

/** A cell that is shown as it is. */
const code = (text: string): string => `\`${cell(text).replaceAll('`', "'")}\``;

const CELL = String.raw`((?:[^|\\]|\\.)*)`;
const ROW = new RegExp(String.raw`^\| \`${CELL}\` \| \`${CELL}\` \|${CELL}\|$`, 'gm');

const readRows = (section: string): Row[] =>
  [...section.matchAll(ROW)].map(([, name = '', complaint = '', reason = '']) => ({
    name,
    complaint,
    reason: reason.trim(),
  }));

const formatRow = ({ name, complaint, reason }: Row): string => `| ${name} | ${complaint} | ${reason} |`;

/**
 * Writes a section of a document on disk, and says what its author has to look at.
 * @param language - what the document is about, where there is none yet
 * @returns whether every failure has a reason
 */
export const updateDocument = (path: string, language: string, section: Section): boolean => {
  const { text, unexplained, doubtful } = writeSection(readDocument(path, language), section);
  writeFileSync(path, text);
  console.log(`\n${path}: ${section.failures.length} failures, ${unexplained.length} without a reason`);
  if (doubtful.length > 0)
    console.log(`these fail in another way than their reason says: ${doubtful.join(' ')}`);
  return unexplained.length === 0;
};

/** What the document says so far; how it begins, where there is none. */
const readDocument = (path: string, language: string): string =>
  existsSync(path) ? readFileSync(path, 'utf8') : `# What of ${language} works in a guest\n`;

/** Writes a section in the place of its former self, or at the end of the document. */
export const writeSection = (document: string, { title, summary, failures }: Section): WrittenDocument => {
  const [begin, end] = markersOf(title);
  const from = document.indexOf(begin);
  const to = from < 0 ? -1 : document.indexOf(end, from);
  if (from >= 0 && to < 0) throw new Error(`the document has no ${end}`);
  const former = new Map(
    readRows(from < 0 ? '' : document.slice(from, to)).map((row) => [`\`${row.name}\``, row]),
  );
  const rows = failures.map(({ name, complaint }): Row => ({
    name: code(name),
    complaint: code(complaint),
    reason: former.get(code(name))?.reason ?? '',
  }));
  const table = rows.length === 0 ? 'Nothing fails.' : [HEADINGS, ...rows.map(formatRow)].join('\n');
  const body = `${begin}\n\n${summary.trim()}\n\n${table}\n\n${end}`;
  const text =
    from < 0
      ? `${document.trimEnd()}\n\n## ${title}\n\n${body}\n`
      : document.slice(0, from) + body + document.slice(to + end.length);
  return {
    text,
    unexplained: rows.filter(({ reason }) => reason === '').map(({ name }) => name),
    doubtful: rows
      .filter(({ name, complaint, reason }) => {
        const before = former.get(name);
        return reason !== '' && before !== undefined && `\`${before.complaint}\`` !== complaint;
      })
      .map(({ name }) => name),
  };
};
