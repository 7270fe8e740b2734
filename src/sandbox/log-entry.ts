/**
 * One line of a sandbox's log: a JSON document as Docker's `json-file` driver writes it, so that what reads those reads
 * these too. A line of the guest is one entry with its newline; what has none yet is an entry without, and the rest of
 * the line follows in another: all texts of a stream, one after the other, are what the guest wrote.
 */

/** Who says it; `wasmrun` is the supervisor. */
export type LogStream = 'stdout' | 'stderr' | 'wasmrun';

/** One line of what a sandbox has said, with its newline. */
export interface LogEntry {
  /** ms since the epoch */
  readonly time: number;
  readonly stream: LogStream;
  readonly text: string;
}

const STREAMS: ReadonlySet<string> = new Set<LogStream>(['stdout', 'stderr', 'wasmrun']);

/** One entry for each line of the text. */
export const splitLines = ({ time, stream, text }: LogEntry): LogEntry[] =>
  text.split(/(?<=\n)/).flatMap((line) => (line === '' ? [] : [{ time, stream, text: line }]));

export const encodeEntry = ({ time, stream, text }: LogEntry): Buffer =>
  Buffer.from(`${JSON.stringify({ log: text, stream, time: new Date(time).toISOString() })}\n`);

/** The entry that a line of a file stands for; undefined for one that a killed writer left unfinished. */
export const decodeEntry = (line: Buffer): LogEntry | undefined => {
  let document: unknown;
  try {
    document = JSON.parse(line.toString());
  } catch {
    return undefined;
  }
  if (typeof document !== 'object' || document === null) return undefined;
  const { log, stream, time } = document as Record<string, unknown>;
  const parsedTime = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  if (typeof log !== 'string' || typeof stream !== 'string' || !STREAMS.has(stream)) return undefined;
  return Number.isNaN(parsedTime) ? undefined : { time: parsedTime, stream: stream as LogStream, text: log };
};
