/** Errors of syntax as the engine's V8 words them. */
import { privateSymbols } from './constants.ts';
import type { SyntaxProblem } from './host.ts';

const ARROW = privateSymbols['arrow_message_private_symbol']!;

/** A SyntaxError that shows its line where it is printed, as Node's own do. */
export const syntaxError = ([message, arrow]: SyntaxProblem): SyntaxError => {
  const error = new SyntaxError(message);
  if (arrow !== null)
    Object.defineProperty(error, ARROW, { value: arrow, writable: true, configurable: true });
  return error;
};
