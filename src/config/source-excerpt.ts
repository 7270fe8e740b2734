/** Shows a place in a text file the way compilers do. */
import type { TomlSpan } from './toml-position.ts';

/** Characters that would let a file write to the terminal as it likes. */
const CONTROL = /[\p{Cc}--\t]/gv;

/**
 * The line of `span` with a caret under every character of it:
 *
 *       4 | forwards = ["8080:70000"]
 *         |             ^^^^^^^^^^^^
 */
export const excerpt = (
  source: string,
  span: Pick<TomlSpan, 'line' | 'column'> & { length: number },
): string => {
  const line = (source.split('\n')[span.line - 1] ?? '').replace(/\r$/, '').replace(CONTROL, '�');
  const before = line.slice(0, span.column - 1).replace(/[^\t]/g, ' ');
  const length = Math.max(1, Math.min(span.length, line.length - span.column + 1));
  const number = String(span.line).padStart(5);
  return `${number} | ${line}\n${' '.repeat(number.length)} | ${before}${'^'.repeat(length)}`;
};
