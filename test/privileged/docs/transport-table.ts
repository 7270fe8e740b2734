/** The table of docs/transports.md: made by trying, and found in the document. */
import { openLab } from './transport-lab.ts';
import { PROPERTIES, ROWS } from './transport-properties.ts';

const BEGIN = '<!-- made by `npm run docs:transports` -->';
const END = '<!-- end -->';

/** Tries everything; each answer comes from a machine and a sandbox of its own. */
export const observeTransports = async (): Promise<string> => {
  const lines: string[][] = [
    ['transport', ...PROPERTIES.map(({ heading }) => heading)],
    ['---', ...PROPERTIES.map(() => '---')],
  ];
  for (const row of ROWS) {
    const line = [row.name];
    for (const property of PROPERTIES) {
      await using lab = openLab();
      line.push(await property.observe(lab, row));
    }
    lines.push(line);
  }
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
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
