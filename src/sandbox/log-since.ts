/** The point of time that `wasmrun logs --since` names, as `docker logs --since` takes it. */
import { WasmrunError } from '../errors.ts';

/** ms of the units of Go's `time.ParseDuration`. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/gy;
const UNIX_SECONDS = /^\d+(?:\.\d*)?$/;
/** RFC 3339; without a zone it is the local time, without a time of day midnight. */
const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ]((?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/i;
/** Of what `Date` can tell (ECMA-262, section 21.4.1.1). */
const LAST_MS = 8.64e15;

/**
 * Returns ms since the epoch: of a duration before now (`10m`, `1h30m`), a point of time (`2026-03-01T12:00:00Z`), or
 * seconds since the epoch (`1772366400.5`).
 * @param now - ms since the epoch
 * @throws {WasmrunError} USAGE
 */
export const parseSince = (text: string, now: number = Date.now()): number => {
  const time = parseSeconds(text) ?? parseDateTime(text) ?? ago(text, now);
  if (time !== undefined && Math.abs(time) <= LAST_MS) return time;
  throw new WasmrunError('USAGE', `"${text}" is no point of time`, {
    hint: 'give how long ago as 10m or 1h30m, a time as 2026-03-01T12:00:00Z, or seconds since 1970',
  });
};

const parseSeconds = (text: string): number | undefined =>
  UNIX_SECONDS.test(text) ? Math.floor(Number(text) * 1000) : undefined;

const ago = (text: string, now: number): number | undefined => {
  let end = 0;
  let duration = 0;
  for (const [part, amount, unit] of text.matchAll(DURATION_PART)) {
    duration += Number(amount) * UNITS[unit!]!;
    end += part.length;
  }
  return end === text.length && end > 0 ? Math.floor(now - duration) : undefined;
};

const parseDateTime = (text: string): number | undefined => {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, time = '00:00', zone = ''] = match;
  // Date.parse would take February 30 for a day of March.
  if (Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()) return undefined;
  const parsed = Date.parse(`${year}-${month}-${day}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(parsed) ? undefined : parsed;
};
