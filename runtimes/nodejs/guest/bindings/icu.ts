/** `internalBinding('icu')`: encodings and the width of texts. */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { NativeObject, valueOf } from '../native-answers.ts';
import { bytesOf, newBuffer } from './buffer.ts';

/** A decoder of ICU that the engine keeps. */
class Converter extends NativeObject {}

export const createIcu = (): Binding => ({
  icuErrName: (error: number) => host.icuErrorName(error),
  transcode: (bytes: Uint8Array, from: string, to: string) => {
    const answer = host.icuTranscode(bytesOf(bytes), from, to);
    return typeof answer === 'number' ? answer : newBuffer(answer);
  },
  getStringWidth: (text: string, isAmbiguousWide = false, expandsEmoji = false) =>
    host.icuStringWidth(text, isAmbiguousWide, expandsEmoji),
  hasConverter: (encoding: string) => {
    const number = host.icuConverter(encoding, 0);
    if (number !== 0) host.freeNative(number);
    return number !== 0;
  },
  getConverter: (encoding: string, flags: number) => {
    const converter = new Converter();
    let isKnown = true;
    converter.obtain(() => {
      const number = host.icuConverter(encoding, flags);
      isKnown = number !== 0;
      return number;
    });
    return isKnown ? converter : undefined;
  },
  decode: (converter: Converter, bytes: ArrayBufferView | ArrayBuffer, flags: number, encoding: string) =>
    valueOf(host.icuDecode(converter.number, bytesOf(bytes), flags, encoding)),
});
