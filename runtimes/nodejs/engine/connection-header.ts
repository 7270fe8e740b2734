/** The tokens of the header `Connection` that decide what becomes of a connection. */
import { LLHTTP_FLAG } from './llhttp.ts';
import { trimOptionalWhiteSpace } from './optional-white-space.ts';

const FLAG_OF_TOKEN: ReadonlyMap<string, number> = new Map([
  ['close', LLHTTP_FLAG.connectionClose],
  ['keep-alive', LLHTTP_FLAG.connectionKeepAlive],
  ['upgrade', LLHTTP_FLAG.connectionUpgrade],
]);

const NAME = 'connection';

/**
 * The flags that these headers give a message. llhttp 9.3 overlooks tokens with a tab after them,
 * llhttp 9.4 does not.
 * @param headers names and values in turn
 */
export function connectionFlags(headers: readonly string[]): number {
  let flags = 0;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    if (name.length === NAME.length && name.toLowerCase() === NAME) flags |= flagsOf(headers[at + 1]!);
  }
  return flags;
}

function flagsOf(value: string): number {
  const only = FLAG_OF_TOKEN.get(value);
  if (only !== undefined) return only;
  let flags = 0;
  for (const token of value.toLowerCase().split(',')) {
    flags |= FLAG_OF_TOKEN.get(trimOptionalWhiteSpace(token)) ?? 0;
  }
  return flags;
}
