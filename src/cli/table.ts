/** Tables as `docker ps` prints them: columns of plain text, no lines. */
import Table from 'cli-table3';

/** Everything that the library would draw around cells. */
const LINES = `top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right
  left left-mid mid mid-mid right right-mid`.split(/\s+/);
const NO_LINES = Object.fromEntries(LINES.map((part) => [part, '']));

/** @param rows - as many cells each as there are headings */
export const formatTable = (headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const table = new Table({
    chars: { ...NO_LINES, middle: '   ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    head: [...headings],
  });
  table.push(...rows.map((row) => [...row]));
  const lines = table.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
};
