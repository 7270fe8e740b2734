/** Runs a file of SQL as psql does: one statement after the other, each for itself. */
import { WasmrunError } from '../../../src/errors.ts';
import type { Answer, InnerSession, ServerError } from './inner-session.ts';
import { SqlScript } from './sql-script.ts';
import type { Statement } from './sql-script.ts';
import type { Stacks } from './stacks.ts';

/** A file that fills a new database. */
export interface InitScript {
  /** For people. */
  readonly name: string;
  /** All bytes of it, a character for each (latin1). */
  readonly text: string;
}

/** What pg_dump writes around what it has dumped; it means something to psql alone. */
const HARMLESS = /^\\(?:un)?restrict\b/;
/** What COPY says of the place of an error, in the context of it. */
const COPY_LINE = /^COPY .*, line (\d+)/m;

/** Asks, and waits for the answer. */
export const ask = (
  stacks: Stacks,
  session: InnerSession,
  text: string | Uint8Array,
  copyData?: () => Uint8Array,
): Promise<Answer> => stacks.suspend((resume) => session.query(text, resume, copyData));

/** @throws {WasmrunError} INIT_FAILED, with the place in the file */
export const runScript = async (
  stacks: Stacks,
  session: InnerSession,
  { name, text }: InitScript,
): Promise<void> => {
  const script = new SqlScript(text);
  for (;;) {
    script.hasStandardStrings = session.parameter('standard_conforming_strings') !== 'off';
    const part = script.next();
    if (part === undefined) return;
    if ('command' in part) {
      if (part.isAlone && HARMLESS.test(part.command)) continue;
      const [word] = part.command.split(/\s/);
      throw new WasmrunError(
        'INIT_FAILED',
        `${name}:${script.lineOf(part.start)}: ${word} is a command of psql`,
        {
          hint: 'Files of [postgres] init are SQL; of psql they may have the data of COPY ... FROM stdin.',
        },
      );
    }
    let data: { readonly data: string; readonly start: number } | undefined;
    const { error } = await ask(stacks, session, Buffer.from(part.text, 'latin1'), () => {
      data = script.copyData();
      return Buffer.from(data.data, 'latin1');
    });
    if (error === undefined) continue;
    const place = data === undefined ? undefined : copyPlace(error, script.lineOf(data.start));
    const line = place ?? script.lineOf(part.start + offsetOf(part, error));
    throw new WasmrunError('INIT_FAILED', `${name}:${line}: ${error.severity}: ${error.message}`, {
      hint: furtherWords(error),
    });
  }
};

/** Line of COPY's data that it could not take. */
const copyPlace = ({ context }: ServerError, firstLine: number): number | undefined => {
  const [, line] = COPY_LINE.exec(context ?? '') ?? [];
  return line === undefined ? undefined : firstLine + Number(line) - 1;
};

/** Bytes of the statement before its failing place, of which the server tells in characters. */
const offsetOf = ({ text }: Statement, { position }: ServerError): number => {
  if (position === undefined) return 0;
  const characters = Array.from(Buffer.from(text, 'latin1').toString()).slice(0, position - 1);
  return Buffer.byteLength(characters.join(''));
};

const furtherWords = ({ code, detail, hint, context }: ServerError): string =>
  [
    ...(detail === undefined ? [] : [detail]),
    ...(hint === undefined ? [] : [hint]),
    ...(context === undefined ? [] : [context]),
    `SQLSTATE ${code}. Nothing is kept: the next start begins anew.`,
  ].join('\n');
