/** Text in mdoc(7), the semantic language of manual pages; mandoc and groff both read it. */

/** One line of text. */
export const mdocText = (text: string): string => {
  const escaped = text
    .replaceAll('\\', '\\e')
    // Else they become hyphens, which nobody can paste into a shell.
    .replaceAll('-', '\\-')
    .replaceAll(
      /[^\n -~]/gu,
      (letter) => `\\[u${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    );
  // A line that begins so would be a request.
  return escaped.replaceAll(/^(?=[.'])/gm, '\\&');
};

/** Flowing text: each sentence on a line of its own, so that the space after it is the reader's to choose. */
const mdocSentences = (text: string): string => mdocText(text.replaceAll(/(?<=[.!?]) +(?=[A-Z])/g, '\n'));

/** An argument of a macro, whatever it consists of. */
export const mdocArgument = (text: string): string =>
  // `\&` keeps it from being taken for another macro or for punctuation.
  `"\\&${mdocText(text).replace(/^\\&/, '').replaceAll('"', '\\(dq')}"`;

/** Several paragraphs, parted by blank lines. */
export const mdocParagraphs = (text: string): string[] =>
  text
    .trim()
    .split(/\n\n+/)
    .flatMap((paragraph, index) => [...(index === 0 ? [] : ['.Pp']), mdocSentences(paragraph)]);

/** Lines that stay as they are, but for what all of them are indented by. */
export const mdocLiteral = (lines: readonly string[]): string[] => {
  const indents = lines.filter((line) => line !== '').map((line) => line.length - line.trimStart().length);
  const indent = Math.min(...indents);
  return ['.Bd -literal', ...lines.map((line) => mdocText(line.slice(indent))), '.Ed'];
};

/** One entry of a list: what it is about, as a whole line of macros, and what is said of it. */
export interface MdocItem {
  readonly tag: string;
  readonly text: string;
}

export const mdocList = (items: readonly MdocItem[]): string[] => [
  '.Bl -tag -width Ds',
  ...items.flatMap(({ tag, text }) => [`.It ${tag}`, ...(text === '' ? [] : [mdocSentences(text)])]),
  '.El',
];
