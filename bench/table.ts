/** Small statistics and a table on the terminal: figures are ratios of medians, measured in one run. */

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** The middle ratio of figures that were measured side by side. */
export const pairedRatio = (ours: readonly number[], theirs: readonly number[]): number =>
  median(ours.map((figure, index) => figure / theirs[index]!));

/** Prints rows under headings, columns aligned; as Markdown for a document. */
export const printTable = (
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  form: 'terminal' | 'markdown' = 'terminal',
): void => {
  if (form === 'markdown') {
    console.log(markdownTable(headings, rows));
    return;
  }
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ');
  console.log(line(headings));
  console.log(widths.map((width) => '-'.repeat(width)).join('  '));
  for (const row of rows) console.log(line(row));
};

/** What the project promises of a ratio. */
export interface Promised {
  readonly what: string;
  readonly value: number;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** Prints promises beside what was measured. */
export const printPromises = (promises: readonly Promised[]): void => {
  console.log('\npromised\n');
  const rows = promises.map(({ what, value, atMost = Infinity, atLeast = -Infinity }) => [
    what,
    ratio(value),
    atMost < Infinity ? `at most ${ratio(atMost)}` : `at least ${ratio(atLeast)}`,
    value <= atMost && value >= atLeast ? 'kept' : 'BROKEN in this run',
  ]);
  printTable(['', 'measured', 'promised', ''], rows);
};

export const ratio = (value: number): string => `${value.toFixed(2)}x`;

/** A table of GitHub's Markdown, unaligned: whoever formats the document does that. */
export const markdownTable = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
  [headings, headings.map((_, column) => (column === 0 ? '---' : '--:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
