/** The line of the source an error is from, with a mark beneath it (GetErrorSource in node_errors.cc). */
import { host } from './host.ts';
import type { CallSite } from './error-stacks.ts';

const LIBRARY = 'node:';

/** The library's function that looks into source maps (getSourceMapErrorSource), where they are on. */
let mapped: ((file: string, line: number, column: number) => string | undefined) | undefined;
let isMapping = false;

export const sourceMaps = {
  use: (given: typeof mapped): void => {
    mapped = given;
  },
  enable: (isOn: boolean): void => {
    isMapping = isOn;
  },
};

const sourceOf = (file: string): string | undefined => {
  if (file.startsWith(LIBRARY)) return host.librarySource(file.slice(LIBRARY.length));
  if (file.startsWith('file:')) return host.moduleText(host.filePath(file));
  return file.startsWith('/') ? host.moduleText(file) : undefined;
};

/** V8 marks where something was thrown; QuickJS tells where the error was made, mostly to the right of that. */
const startOf = (line: string, column: number, isThrown: boolean): number => {
  const before = line.slice(0, column - 1);
  const statement = isThrown ? /\bthrow\b[^;{}]*$/.exec(before) : null;
  return (statement ?? /\bnew\s+$/.exec(before))?.index ?? before.length;
};

/** The line a site is in; undefined where the source is not known. */
export const lineOf = (
  site: CallSite,
  sources: Readonly<Record<string, string>> = {},
): string | undefined => {
  const [file, number] = [site.getFileName(), site.getLineNumber()];
  if (typeof file !== 'string' || typeof number !== 'number') return undefined;
  return (sources[file] ?? sourceOf(file))?.split('\n')[number - 1]?.replace(/\r$/, '');
};

/**
 * Three lines: file and number, the line, the mark. Undefined where the source is not known.
 * @param isThrown - whether it was thrown as far as here; reasons of promises were not
 * @param sources - texts that lie in no file, by file name
 */
export const sourceLine = (
  site: CallSite | undefined,
  isThrown: boolean,
  sources: Readonly<Record<string, string>> = {},
): string | undefined => {
  const [file, number, column] = [site?.getFileName(), site?.getLineNumber(), site?.getColumnNumber()];
  if (typeof file !== 'string' || typeof number !== 'number' || typeof column !== 'number') return undefined;
  const original = isMapping ? mapped?.(file, number, column) : undefined;
  if (original !== undefined) return original;
  const line = lineOf(site!, sources);
  if (line === undefined) return undefined;
  const margin = line.slice(0, startOf(line, column, isThrown)).replaceAll(/[^\t]/g, ' ');
  return `${file}:${number}\n${line}\n${margin}^\n`;
};
