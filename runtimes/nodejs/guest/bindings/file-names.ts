/** Names of files in the encoding a program wants them in. */
import { lazily } from './util.ts';

const buffer = (): typeof Buffer => lazily.requireLibrary!('buffer')['Buffer'] as typeof Buffer;

/** Those that the engine itself makes text of. */
export const isTextEncoding = (encoding: string | undefined): boolean =>
  encoding === undefined || encoding === null || encoding === 'utf8' || encoding === 'utf-8';

/** A Buffer over bytes, which are not copied. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  buffer().from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);

export const inEncoding = (name: string | Uint8Array, encoding: string | undefined): string | Buffer => {
  if (typeof name === 'string') return name;
  return encoding === 'buffer' ? asBuffer(name) : asBuffer(name).toString(encoding as BufferEncoding);
};
