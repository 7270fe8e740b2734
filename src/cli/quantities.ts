/** Durations and sizes as people read them. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS = [
  [DAY, 'day'],
  [HOUR, 'hour'],
  [MINUTE, 'minute'],
  [SECOND, 'second'],
] as const;
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB'] as const;

/** ms → `5 minutes`, in the largest unit there is one of. */
export const formatDuration = (ms: number): string => {
  const [size, unit] = UNITS.find(([size]) => ms >= size) ?? [SECOND, 'second'];
  const count = Math.floor(Math.max(0, ms) / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
};

/** Bytes → `51.8 MiB`. */
export const formatBytes = (bytes: number): string => {
  const power = bytes < 1024 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const digits = power === 0 ? 0 : 1;
  return `${(bytes / 1024 ** power).toFixed(digits)} ${BYTE_UNITS[power]}`;
};
