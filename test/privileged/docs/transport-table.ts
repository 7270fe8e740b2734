/** The table of docs/transports.md: made by trying, and found in the document. */
import { availableParallelism } from 'node:os';
import { openLab } from './transport-lab.ts';
import { PROPERTIES, ROWS } from './transport-properties.ts';

const BEGIN = '<!-- made by `npm run docs:transports` -->';
const END = '<!-- end -->';

/** So many at once keep the processors busy while some wait for what must not happen. */
const AT_ONCE = 2 * availableParallelism();

/** Tries everything; each answer comes from a machine and a sandbox of its own. */
export const observeTransports = async (): Promise<string> => {
  const cells = ROWS.map(({ name }) => [name]);
  const questions = ROWS.flatMap((row, y) => PROPERTIES.map((property, x) => ({ row, property, x, y })));
  const answerSome = async (): Promise<void> => {
    for (let next = questions.shift(); next !== undefined; next = questions.shift()) {
      await using lab = openLab();
      cells[next.y]![next.x + 1] = await next.property.observe(lab, next.row);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, answerSome));
  const headings = ['transport', ...PROPERTIES.map(({ heading }) => heading)];
  return [headings, headings.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`).join('\n');
};

const bounds = (document: string): { begin: number; end: number } => {
  const begin = document.indexOf(BEGIN) + BEGIN.length;
  const end = document.indexOf(END, begin);
  if (begin < BEGIN.length || end < 0) throw new Error(`the document has no ${BEGIN} … ${END}`);
  return { begin, end };
};

export const tableIn = (document: string): string => {
  const { begin, end } = bounds(document);
  return document.slice(begin, end).trim();
};

export const withTable = (document: string, table: string): string => {
  const { begin, end } = bounds(document);
  return `${document.slice(0, begin)}\n\n${table}\n\n${document.slice(end)}`;
};
