/** Calendar time: struct tm to seconds and back, in UTC and in the zone of the app's TZ (tzset(3)), else UTC. */
import type { GuestMemory } from '../guest-memory.ts';
import type { Call } from './calls.ts';

const MILLISECONDS = 1000;
const MS_PER_DAY = 86_400_000;
const MS_PER_MINUTE = 60_000;
const SECONDS_PER_MINUTE = 60;
/** Characters of a zone's name with the zero at its end: TZNAME_MAX of Emscripten is 16. */
const NAME_SIZE = 17;

export const calendarCalls = (
  memory: GuestMemory,
  env: Readonly<Record<string, string>>,
): Record<string, Call> => {
  // V8 knows all zones, one at a time, and this process is the guest's alone.
  process.env['TZ'] = env['TZ'] ?? 'UTC';
  /** struct tm: second, minute, hour, day, month, year since 1900, weekday, day of the year, summer time, offset. */
  const write = (address: number, date: Date, isUtc: boolean): void => {
    const minutes = isUtc ? 0 : minutesEastOf(date);
    // In UTC it shows what the date shows in the zone.
    const shown = new Date(date.getTime() + minutes * MS_PER_MINUTE);
    const fields = [
      shown.getUTCSeconds(),
      shown.getUTCMinutes(),
      shown.getUTCHours(),
      shown.getUTCDate(),
      shown.getUTCMonth(),
      shown.getUTCFullYear() - 1900,
      shown.getUTCDay(),
      Math.floor((shown.getTime() - new Date(0).setUTCFullYear(shown.getUTCFullYear())) / MS_PER_DAY),
      !isUtc && minutes > standardMinutes(shown.getUTCFullYear()) ? 1 : 0,
      minutes * SECONDS_PER_MINUTE,
    ];
    for (const [index, field] of fields.entries()) memory.view.setInt32(address + 4 * index, field, true);
  };
  const fromTime =
    (isUtc: boolean) =>
    (seconds: bigint, address: number): number => {
      write(address, new Date(Number(seconds) * MILLISECONDS), isUtc);
      return 0;
    };
  const toTime =
    (isUtc: boolean) =>
    (address: number): bigint => {
      const field = (index: number): number => memory.view.getInt32(address + 4 * index, true);
      const date = new Date(0);
      if (isUtc) {
        date.setUTCFullYear(field(5) + 1900, field(4), field(3));
        date.setUTCHours(field(2), field(1), field(0));
      } else {
        date.setFullYear(field(5) + 1900, field(4), field(3));
        date.setHours(field(2), field(1), field(0));
      }
      write(address, date, isUtc);
      return BigInt(Math.floor(date.getTime() / MILLISECONDS));
    };
  return {
    _gmtime_js: fromTime(true),
    _localtime_js: fromTime(false),
    _mktime_js: toTime(false),
    _timegm_js: toTime(true),
    _tzset_js: (offset: number, daylight: number, standard: number, summer: number) => {
      const year = new Date().getFullYear();
      const usual = standardMinutes(year);
      const [first, second] = halves(year);
      const other = [first, second].find((date) => minutesEastOf(date) !== usual);
      memory.view.setInt32(offset, -usual * SECONDS_PER_MINUTE, true);
      memory.view.setInt32(daylight, other === undefined ? 0 : 1, true);
      const ordinary = [first, second].find((date) => minutesEastOf(date) === usual)!;
      for (const [address, date] of [
        [standard, ordinary],
        [summer, other ?? ordinary],
      ] as const) {
        const room = memory.slice(address, NAME_SIZE);
        room.fill(0);
        room.set(Buffer.from(zoneName(date)).subarray(0, NAME_SIZE - 1));
      }
      return undefined;
    },
  };
};

const minutesEastOf = (date: Date): number => -date.getTimezoneOffset();

/** A day in each half of a year: wherever there is summer time, one of them has it. */
const halves = (year: number): readonly [Date, Date] => [new Date(year, 0, 1), new Date(year, 6, 1)];

/** Minutes east of UTC outside of summer time. */
const standardMinutes = (year: number): number => Math.min(...halves(year).map(minutesEastOf));

/** Each has names for the zones of its own part of the world (CLDR). */
const LANGUAGES = ['en-US', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA'];

/** `CET`, where a language has a name for it, or `+0900`. */
const zoneName = (date: Date): string => {
  for (const language of LANGUAGES) {
    const parts = new Intl.DateTimeFormat(language, { timeZoneName: 'short' }).formatToParts(date);
    const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
    if (/^[A-Z]+$/.test(name)) return name;
  }
  const minutes = minutesEastOf(date);
  const size = Math.abs(minutes);
  const digits = (value: number): string => String(value).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${digits(Math.floor(size / 60))}${digits(size % 60)}`;
};
