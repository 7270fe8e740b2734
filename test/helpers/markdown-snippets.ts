/** The code of a Markdown document, block by block (CommonMark 4.4 and 4.5, as far as README.md uses them). */

export interface Snippet {
  /** What stands after the fence; empty for an indented block. */
  readonly language: string;
  /** Without the indentation. */
  readonly text: string;
  /** Number of its first line in the document. */
  readonly line: number;
}

const FENCE = /^```(\w*)$/;
const INDENT = '    ';

export const markdownSnippets = (document: string): Snippet[] => {
  const snippets: Snippet[] = [];
  const lines = document.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const [fence, language = ''] = FENCE.exec(lines[at]!) ?? [];
    const isIndented = lines[at]!.startsWith(INDENT) && lines[at - 1] === '';
    if (fence === undefined && !isIndented) continue;
    const begin = fence === undefined ? at : at + 1;
    const end = fence === undefined ? endOfIndented(lines, begin) : lines.indexOf('```', begin);
    if (end < 0) throw new Error(`line ${at + 1}: this block has no end`);
    const indent = fence === undefined ? INDENT.length : 0;
    const text = lines.slice(begin, end).map((line) => line.slice(indent));
    snippets.push({ language, text: text.join('\n').trimEnd(), line: begin + 1 });
    at = end;
  }
  return snippets;
};

/** Empty lines are part of it where it goes on after them. */
const endOfIndented = (lines: readonly string[], begin: number): number => {
  let end = begin;
  for (let at = begin; at < lines.length; at += 1) {
    if (lines[at]!.startsWith(INDENT)) end = at + 1;
    else if (lines[at] !== '') break;
  }
  return end;
};

/**
 * Matches a text in which some parts are different each time.
 * @param varying - such parts as they stand in the text, with patterns; `…` is anything
 */
export const patternOf = (text: string, varying: Readonly<Record<string, string>> = {}): RegExp => {
  const patterns: Readonly<Record<string, string>> = { '…': '[^\\n]*', ...varying };
  const parts = new RegExp(`(${Object.keys(patterns).join('|')})`);
  return new RegExp(
    text
      .split(parts)
      .map((part) => patterns[part] ?? RegExp.escape(part))
      .join(''),
  );
};
