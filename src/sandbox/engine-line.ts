/**
 * Reads what the engine says. The engine runs code that nobody vouches for: its lines are taken apart with
 * care, and anything an engine of ours would not say ends it.
 */
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { MAX_TRAFFIC_PORTS } from '../engine/messages.ts';
import type { FromEngine } from '../engine/messages.ts';

/** Longest line, in characters. */
const MAX_LINE = 65_536;
const ABIS: ReadonlySet<unknown> = new Set(['preview1', 'wasmedge', 'wasix', 'none', 'reactor']);
/** RFC 1035 §2.3.4 */
const MAX_NAME = 253;
/** A listening socket and its companion. */
const MAX_SOCKETS = 2;
const PROTOCOLS: ReadonlySet<unknown> = new Set(['tcp', 'udp']);
const REASONS: ReadonlySet<unknown> = new Set(['exit', 'trap', 'stopped', 'drained']);

/** The message in a line, or undefined where it is none. */
export const parseEngineLine = (line: string): FromEngine | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isMessage(value) ? value : undefined;
};

const isMessage = (value: unknown): value is FromEngine => {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as Readonly<Record<string, unknown>>;
  switch (message['type']) {
    case 'prepared':
      return ABIS.has(message['abi']);
    case 'listening':
      return (
        PROTOCOLS.has(message['protocol']) &&
        isIntegerUpTo(message['port'], 65_535) &&
        isIntegerUpTo(message['sockets'], MAX_SOCKETS)
      );
    case 'connect':
      return (
        isIntegerUpTo(message['id'], Number.MAX_SAFE_INTEGER) &&
        PROTOCOLS.has(message['protocol']) &&
        typeof message['address'] === 'string' &&
        isIP(message['address']) !== 0 &&
        // A zone names an interface of the host.
        !message['address'].includes('%') &&
        isIntegerUpTo(message['port'], 65_535)
      );
    case 'resolve':
      return (
        isIntegerUpTo(message['id'], Number.MAX_SAFE_INTEGER) &&
        typeof message['name'] === 'string' &&
        message['name'].length <= MAX_NAME
      );
    case 'attached':
      return true;
    case 'traffic':
      return (
        typeof message['isPartial'] === 'boolean' &&
        Array.isArray(message['ports']) &&
        message['ports'].length <= MAX_TRAFFIC_PORTS &&
        message['ports'].every(isPortTraffic)
      );
    case 'notice':
      return typeof message['text'] === 'string';
    case 'failed':
      return (
        typeof message['code'] === 'string' &&
        typeof message['message'] === 'string' &&
        isOptionalText(message['hint'])
      );
    case 'exited':
      return isIntegerUpTo(message['status'], 255) && REASONS.has(message['reason']);
    default:
      return false;
  }
};

const isPortTraffic = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  const traffic = value as Readonly<Record<string, unknown>>;
  return (
    PROTOCOLS.has(traffic['protocol']) &&
    isIntegerUpTo(traffic['port'], 65_535) &&
    [traffic['accepted'], traffic['received'], traffic['sent']].every((count) =>
      isIntegerUpTo(count, Number.MAX_SAFE_INTEGER),
    )
  );
};

const isIntegerUpTo = (value: unknown, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;
const isOptionalText = (value: unknown): boolean => value === undefined || typeof value === 'string';

/** Passes on each message of a stream; `onNonsense` is called once, and nothing after that. */
export const readEngineLines = (
  stream: Readable,
  onMessage: (message: FromEngine) => void,
  onNonsense: () => void,
): void => {
  let partial = '';
  let isTrusted = true;
  const distrust = (): void => {
    isTrusted = false;
    onNonsense();
  };
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (partial + chunk).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) {
      if (!isTrusted) return;
      const message = parseEngineLine(line);
      if (message === undefined) distrust();
      else onMessage(message);
    }
    if (isTrusted && partial.length > MAX_LINE) distrust();
  });
};
