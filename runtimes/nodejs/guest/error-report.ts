/** What Node prints of an error that nobody has caught (errors::TriggerUncaughtException in node_errors.cc). */
import { engine, privateSymbols } from './constants.ts';
import { siteOf } from './error-stacks.ts';
import { sourceLine } from './source-lines.ts';

/** Makes a text of an error; the library's own, see fatalExceptionStackEnhancers in lib/internal/errors.js. */
export type StackEnhancer = (error: unknown) => unknown;

const ARROW = privateSymbols['arrow_message_private_symbol']!;
const DECORATED = privateSymbols['decorated_private_symbol']!;
const HINT = '(Use `node --trace-uncaught ...` to show where the exception was thrown)';

const isObject = (value: unknown): value is Record<PropertyKey, unknown> =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

/** The line an error is from, unless its stack begins with it. */
const arrowOf = (error: unknown, isThrown: boolean): string | undefined => {
  if (!isObject(error) || error[DECORATED] === true) return undefined;
  const arrow = error[ARROW];
  return typeof arrow === 'string' ? arrow : sourceLine(siteOf(error), isThrown);
};

const textOf = (error: unknown, enhancers: readonly StackEnhancer[]): string => {
  if (typeof error === 'symbol') return `\n${HINT}`;
  if (!isObject(error)) return `${String(error)}\n${HINT}`;
  let text: unknown;
  for (const enhance of enhancers) text = enhance(error);
  return String(text);
};

/**
 * The report, with line ends.
 * @param isThrown - or else it is the reason of a promise
 */
export const reportOf = (error: unknown, isThrown: boolean, enhancers: readonly StackEnhancer[]): string => {
  const text = textOf(error, enhancers);
  const arrow = arrowOf(error, isThrown);
  return `${arrow === undefined ? '' : `${arrow}\n`}${text}\n\nNode.js ${engine.version}\n`;
};
