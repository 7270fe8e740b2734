/** `internalBinding('encoding_binding')` and `('url')`. */
import type { Binding } from '../binding-shape.ts';
import { native } from '../engine-gaps.ts';
import { host } from '../host.ts';
import { bytesOf } from './buffer.ts';

const encoder = new native.TextEncoder();

/** Errors of the engine come as plain ones. */
const decodeUtf8 = (bytes: Uint8Array, ignoreBOM: boolean, fatal: boolean): string => {
  try {
    return host.decodeUtf8(bytes, ignoreBOM, fatal);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    throw code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
      ? Object.assign(new TypeError(message), { code })
      : error;
  }
};

export const createEncoding = (): Binding => {
  const encodeIntoResults = new Uint32Array(2);
  return {
    encodeIntoResults,
    encodeInto: (text: string, into: Uint8Array) => {
      const { read, written } = encoder.encodeInto(text, into);
      encodeIntoResults[0] = read;
      encodeIntoResults[1] = written;
    },
    encodeUtf8String: (text: string) => encoder.encode(text),
    // The library gives other things than booleans as well, and Node takes nothing but `true` for true.
    decodeUTF8: (bytes: ArrayBufferView | ArrayBuffer, ignoreBOM: unknown, fatal: unknown) =>
      decodeUtf8(bytesOf(bytes), ignoreBOM === true, fatal === true),
    toASCII: (domain: string) => host.idnaToASCII(domain),
    toUnicode: (domain: string) => host.idnaToUnicode(domain),
  };
};

/** node_url.cc: where the parts of the text are that `parse` and `update` answer with. */
const components = new Uint32Array(9);

const take = (answer: string | undefined): string | undefined => {
  if (answer === undefined) return undefined;
  // Nine numbers, then the text.
  let start = 0;
  for (let index = 0; index < components.length; index += 1) {
    const end = answer.indexOf(' ', start);
    components[index] = Number(answer.slice(start, end));
    start = end + 1;
  }
  return answer.slice(start);
};

const invalid = (input: string, base: string | undefined): TypeError =>
  Object.assign(new TypeError('Invalid URL'), {
    code: 'ERR_INVALID_URL',
    input,
    ...(base === undefined ? {} : { base }),
  });

export const createUrl = (): Binding => ({
  urlComponents: components,
  parse: (input: string, base: string | undefined, mayThrow: boolean) => {
    const href = take(host.parseUrl(input, base));
    if (href === undefined && mayThrow) throw invalid(input, base);
    return href;
  },
  canParse: (input: string, base?: string) => host.parseUrl(input, base) !== undefined,
  update: (href: string, part: number, value: string) => take(host.updateUrl(href, part, value)) ?? false,
  format: (href: string, hash: boolean, unicode: boolean, search: boolean, auth: boolean) =>
    host.formatUrl(href, hash, unicode, search, auth),
  getOrigin: (href: string) => new native.URL(href).origin,
  domainToASCII: (domain: string) => host.domainToASCII(domain),
  domainToUnicode: (domain: string) => host.domainToUnicode(domain),
  pathToFileURL: (path: string, isWindows: boolean, base?: string) =>
    take(host.pathToFileUrl(path, isWindows, base)),
});
