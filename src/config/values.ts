/** What the text of each setting may be. Every parser throws a `WasmrunError` with the fix as its hint. */
import { isIPv4 } from 'node:net';
import { isAbsolute, normalize, posix, resolve } from 'node:path';
import type { DirectoryMount } from '../engine/messages.ts';
import { WasmrunError } from '../errors.ts';
import { isSandboxName } from '../network/names.ts';
import type { TextParser } from './readers.ts';

const invalid = (message: string, hint: string) => new WasmrunError('USAGE', message, { hint });

/** Any text but none. */
export const nonEmpty = (text: string): string => {
  if (text.trim() !== '') return text;
  throw invalid('it is empty', 'give it a value or leave the setting out');
};

/** A path of the host, made absolute. */
export const hostPath: TextParser<string> = (text, { directory }) => resolve(directory, nonEmpty(text));

/** Name of a sandbox; it becomes part of the namespace's name. */
export const sandboxName: TextParser<string> = (text) => {
  if (isSandboxName(text)) return text;
  throw new WasmrunError('NAME_INVALID', `"${text}" cannot be the name of a sandbox`, {
    hint: 'use 1–32 lower-case letters, digits and hyphens, starting with a letter or digit',
  });
};

/** Prefix of everything wasmrun names in the kernel. */
export const namespacePrefix: TextParser<string> = (text) => {
  if (/^[a-z][a-z0-9]{0,7}$/.test(text)) return text;
  throw new WasmrunError('NAME_INVALID', `"${text}" cannot be a namespace prefix`, {
    hint: 'use 1–8 lower-case letters and digits, starting with a letter',
  });
};

/** One of a few words. */
export const oneOf = <const Choice extends string>(...choices: readonly Choice[]) => {
  const parse: TextParser<Choice> = (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice !== undefined) return choice;
    const quoted = choices.map((candidate) => `"${candidate}"`);
    throw invalid(`"${text}" is not one of ${quoted.join(', ')}`, `choose ${quoted.join(' or ')}`);
  };
  return Object.assign(parse, { choices });
};

/** An absolute path inside the sandbox, normalised. */
export const guestPath: TextParser<string> = (text) => {
  const path = posix.normalize(text);
  if (path.startsWith('/')) return path === '/' ? path : path.replace(/\/$/, '');
  throw invalid(
    `"${text}" is not an absolute path`,
    `paths inside the sandbox start with "/": write /${text}`,
  );
};

const MOUNT_FORM = 'write HOST, HOST:/guest/path or HOST:/guest/path:ro';

/**
 * A host directory for the guest: `HOST[:GUEST[:ro]]`. Without GUEST an absolute path stays the same
 * inside, a relative one hangs below `/`.
 */
export const directoryMount: TextParser<DirectoryMount> = (text, context) => {
  const parts = text.split(':');
  const [host = '', guest, mode] = parts;
  if (host === '' || parts.length > 3) throw invalid(`directory "${text}" has the wrong form`, MOUNT_FORM);
  if (guest === 'ro' || (mode !== undefined && mode !== 'ro')) {
    throw invalid(`directory "${text}": only "ro" may follow the guest path`, MOUNT_FORM);
  }
  if (guest === undefined && !isAbsolute(host) && normalize(host).startsWith('..')) {
    throw invalid(
      `directory "${text}" lies outside, so its place in the sandbox is not clear`,
      `write ${text}:/guest/path`,
    );
  }
  return {
    hostPath: hostPath(host, context),
    guestPath: guestPath(guest ?? posix.join('/', host), context),
    readOnly: mode === 'ro',
  };
};

/** Writes a mount back in the form `directoryMount` reads. */
export const formatDirectoryMount = (mount: DirectoryMount): string =>
  `${mount.hostPath}:${mount.guestPath}${mount.readOnly ? ':ro' : ''}`;

/** Powers of 1024, as Docker's `--memory` has them. */
const SIZE_UNITS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
/** Less is not enough for a language's own library. */
const LEAST_MEMORY = 32 * 1024 ** 2;
/** What 32-bit WebAssembly can address, less what the engine needs of that itself. */
const MOST_MEMORY = 3.5 * 1024 ** 3;

/** A size of memory in bytes, written as Docker does: `256m`, `1g`, `536870912`. */
export const memorySize: TextParser<number> = (text) => {
  const form = 'write a number and k, m or g, such as 256m or 1g';
  const [, number = '', unit = 'b'] = /^(\d+(?:\.\d+)?)([bkmg])?b?$/i.exec(text) ?? [];
  const size = Math.floor(Number(number) * SIZE_UNITS[unit.toLowerCase()]!);
  if (number === '') throw invalid(`"${text}" is not a size of memory`, form);
  if (size < LEAST_MEMORY) throw invalid(`${text} of memory is too little`, 'give it at least 32m');
  if (size > MOST_MEMORY) throw invalid(`${text} is more than WebAssembly has`, 'give it at most 3584m');
  return size;
};

/** Writes a size back in the form `memorySize` reads. */
export const formatMemorySize = (size: number): string => {
  for (const unit of ['g', 'm', 'k'] as const) {
    const count = size / SIZE_UNITS[unit]!;
    if (Number.isInteger(count)) return `${count}${unit}`;
  }
  return String(size);
};

/** A /31 for each sandbox must fit in (RFC 3021). */
const LONGEST_POOL_PREFIX = 31;

/** An IPv4 network in CIDR notation, such as 10.231.0.0/16. */
export const ipv4Network: TextParser<string> = (text) => {
  const form = 'write an IPv4 network, such as 10.231.0.0/16';
  const [, address = '', length = ''] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  if (!isIPv4(address)) throw invalid(`"${text}" is not an IPv4 network`, form);
  if (Number(length) > LONGEST_POOL_PREFIX) {
    throw invalid(
      `"${text}" is too small for a sandbox`,
      `its length may be at most /${LONGEST_POOL_PREFIX}`,
    );
  }
  const octets = address.split('.').map(Number);
  // Not for unicast between hosts: "this network", loopback, multicast and reserved (IANA IPv4 registry).
  if (octets[0] === 0 || octets[0] === 127 || (octets[0] ?? 0) >= 224) {
    throw invalid(`"${text}" cannot be routed`, 'use a private network (RFC 1918), such as 10.231.0.0/16');
  }
  const base = octets
    .map((octet, index) => octet & (0xff00 >> Math.min(8, Math.max(0, Number(length) - 8 * index))))
    .join('.');
  if (base !== address) throw invalid(`"${text}" is an address inside a network`, `write ${base}/${length}`);
  return `${address}/${Number(length)}`;
};
