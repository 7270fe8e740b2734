/**
 * Texts, encodings and URLs: what the engine's own Node computes for the guest. Nothing of it touches the world
 * outside; it is the same code Node itself would run, only on this side of the wall.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { domainToASCII, domainToUnicode } from 'node:url';
import { parseEnv } from 'node:util';
import type { HostFunction } from './bridge.ts';
import { engineBinding } from './engine-binding.ts';
import { taking } from './taking.ts';

const url = engineBinding('url') as {
  readonly urlComponents: Uint32Array;
  parse(input: string, base: string | undefined, mayThrow: boolean): string | undefined;
  update(href: string, part: number, value: string): string | false;
  format(href: string, hash: boolean, unicode: boolean, search: boolean, auth: boolean): string;
  pathToFileURL(path: string, isWindows: boolean, base?: string): string;
};

const buffers = engineBinding('buffer') as {
  atob(text: string): string | number;
  indexOfBuffer(
    buffer: Uint8Array,
    value: Uint8Array,
    offset: number,
    encoding: number,
    forward: boolean,
    end: number,
  ): number;
  indexOfNumber(buffer: Uint8Array, value: number, offset: number, forward: boolean, end: number): number;
};

const encoding = engineBinding('encoding_binding') as {
  decodeUTF8(bytes: Uint8Array, ignoreBOM: boolean, fatal: boolean): string;
  toASCII(domain: string): string;
  toUnicode(domain: string): string;
};

/** node.h, enum encoding: the one that changes how positions are counted. */
const UTF16 = 3;
const UTF8 = 1;

/** node_url.h, url_update_action: kHref. */
const LAST_PART = 9;

/** Where the parts of a URL are, then the URL. */
const withComponents = (href: string): string => `${url.urlComponents.join(' ')} ${href}`;

export const textFunctions: Readonly<Record<string, HostFunction>> = {
  encodeText: (text: string, name: BufferEncoding) => Buffer.from(text, name),
  decodeText: (bytes: Buffer, name: BufferEncoding) => bytes.toString(name),
  writeText: (bytes: Buffer, text: string, offset: number, length: number, name: BufferEncoding) =>
    bytes.write(text, offset, length, name),
  decodeBase64: taking(['text'], (text: string) => {
    const result = buffers.atob(text);
    return typeof result === 'number' ? result : Buffer.from(result, 'latin1');
  }),
  utf8Length: (text: string) => Buffer.byteLength(text),
  compareBytes: (a: Buffer, b: Buffer) => Buffer.compare(a, b),
  indexOfBytes: taking(
    ['bytes', 'bytes', 'number', 'boolean', 'number', 'text'],
    (buffer: Uint8Array, value: Uint8Array, offset: number, forward: boolean, end: number, name: string) =>
      buffers.indexOfBuffer(buffer, value, offset, name === 'utf16le' ? UTF16 : UTF8, forward, end),
  ),
  indexOfByte: taking(
    ['bytes', 'number', 'number', 'boolean', 'number'],
    (buffer: Uint8Array, value: number, offset: number, forward: boolean, end: number) =>
      buffers.indexOfNumber(buffer, value, offset, forward, end),
  ),
  isUtf8: (bytes: Uint8Array) => isUtf8(bytes),
  isAscii: (bytes: Uint8Array) => isAscii(bytes),
  decodeUtf8: taking(
    ['bytes', 'boolean?', 'boolean?'],
    (bytes: Uint8Array, ignoreBOM: boolean, fatal: boolean) => encoding.decodeUTF8(bytes, ignoreBOM, fatal),
  ),
  domainToASCII: (domain: string) => domainToASCII(domain),
  domainToUnicode: (domain: string) => domainToUnicode(domain),
  idnaToASCII: taking(['text'], (domain: string) => encoding.toASCII(domain)),
  idnaToUnicode: taking(['text'], (domain: string) => encoding.toUnicode(domain)),
  parseUrl: taking(['text', 'text?'], (input: string, base?: string) => {
    const href = url.parse(input, base, false);
    return href === undefined ? undefined : withComponents(href);
  }),
  updateUrl: taking(['text', 'number', 'text'], (href: string, part: number, value: string) => {
    if (!Number.isInteger(part) || part < 0 || part > LAST_PART)
      throw new RangeError(`no such part of a URL: ${part}`);
    const updated = url.update(href, part, value);
    return updated === false ? undefined : withComponents(updated);
  }),
  formatUrl: taking(
    ['text', 'boolean', 'boolean', 'boolean', 'boolean'],
    (href: string, hash: boolean, unicode: boolean, search: boolean, auth: boolean) =>
      url.format(href, hash, unicode, search, auth),
  ),
  pathToFileUrl: taking(['text', 'boolean', 'text?'], (path: string, isWindows: boolean, base?: string) => {
    if (path === '') throw new TypeError('an empty path has no URL');
    return withComponents(url.pathToFileURL(path, isWindows, base));
  }),
  parseEnv: (text: string) => JSON.stringify(parseEnv(text)),
};
