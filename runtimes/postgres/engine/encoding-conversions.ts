/**
 * Functions that PostgreSQL's modules of encodings are linked to and that PGlite's build has left out, for nothing else in it
 * calls them: those of src/backend/utils/mb/conv.c, which go by the modules' tables, and two that report errors. Each
 * answers how many bytes it has converted, which is less than all only where errors are not to be reported.
 */
import type { Call } from '../../../src/engine/emscripten/calls.ts';
import { writeText } from '../../../src/engine/emscripten/c-strings.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { BackendExports } from './backend-exports.ts';
import {
  ENCODING,
  Encodings,
  codeAt,
  convertByTree,
  findEntry,
  isHigh,
  isLegalUtf8,
  utf8Length,
} from './encoding-tables.ts';

/** src/include/utils/elog.h */
const ERROR = 21;
/** `MAKE_SQLSTATE`: six bits for each character. */
const sqlState = (code: string): number =>
  Buffer.from(code).reduce((sum, character, index) => sum + ((character - 48) & 0x3f) * 64 ** index, 0);
const NOT_IN_REPERTOIRE = sqlState('22021');
const UNTRANSLATABLE = sqlState('22P05');
/** An error shows so many bytes of a character. */
const SHOWN_BYTES = 8;
/** `pg_utf_to_local_combined` and `pg_local_to_utf_combined`, in bytes: three numbers each. */
const COMBINED_SIZE = 12;

export interface ConversionHost {
  readonly memory: GuestMemory;
  readonly table: WebAssembly.Table;
  readonly exports: () => BackendExports;
}

/** What converts the next character: how many bytes that was, or what is wrong with it. */
type Step = (at: number, remaining: number) => number | 'invalid' | 'untranslatable';

interface Job {
  readonly source: number;
  readonly length: number;
  readonly target: number;
  /** Encodings. */
  readonly from: number;
  readonly to: number;
  /** Errors are not reported. */
  readonly isQuiet: boolean;
}

interface Maps {
  /** `pg_mb_radix_tree`; 0 for none. */
  readonly tree: number;
  /** Pairs of characters that are one in the other encoding; 0 for none. */
  readonly combined: number;
  readonly combinedCount: number;
  /** A function's place in the table; 0 for none. */
  readonly convert: number;
}

/** All that modules of encodings import and PGlite does not export. */
export const conversionCalls = (host: ConversionHost): Record<string, Call> => {
  const conversions = new Conversions(host);
  const { memory } = host;
  const { encodings } = conversions;
  const withUtf8 =
    (isFrom: boolean) =>
    (...values: readonly number[]): number => {
      const [source = 0, length = 0, target = 0, tree = 0, combined = 0, combinedCount = 0] = values;
      const [convert = 0, encoding = 0, isQuiet = 0] = values.slice(6);
      const [from, to] = isFrom ? [ENCODING.utf8, encoding] : [encoding, ENCODING.utf8];
      const job = { source, length, target, from, to, isQuiet: isQuiet !== 0 };
      const maps = { tree, combined, combinedCount, convert };
      return isFrom ? conversions.fromUtf8(job, maps) : conversions.toUtf8(job, maps);
    };
  const withMule =
    (isFrom: boolean, hasTable: boolean) =>
    (...values: readonly number[]): number => {
      const [source = 0, target = 0, length = 0, set = 0, encoding = 0] = values;
      const [entries = 0, isQuiet = 0] = hasTable ? values.slice(5) : [0, values[5]];
      const [from, to] = isFrom ? [ENCODING.mule, encoding] : [encoding, ENCODING.mule];
      const job = { source, length, target, from, to, isQuiet: isQuiet !== 0 };
      return isFrom ? conversions.fromMule(job, set, entries) : conversions.toMule(job, set, entries);
    };
  return {
    UtfToLocal: withUtf8(true),
    LocalToUtf: withUtf8(false),
    latin2mic: withMule(false, false),
    mic2latin: withMule(true, false),
    latin2mic_with_table: withMule(false, true),
    mic2latin_with_table: withMule(true, true),
    local2local: (...values: readonly number[]) => {
      const [source = 0, target = 0, length = 0, from = 0, to = 0, entries = 0, isQuiet = 0] = values;
      return conversions.byTable({ source, length, target, from, to, isQuiet: isQuiet !== 0 }, entries);
    },
    pg_utf8_islegal: (address: number, length: number) => Number(isLegalUtf8(memory.bytes, address, length)),
    pg_encoding_verifymbchar: (encoding: number, address: number, length: number) =>
      encodings.verify(encoding, address, length),
    report_invalid_encoding: (encoding: number, address: number, length: number) =>
      conversions.reportInvalid(encoding, address, length),
    report_untranslatable_char: (from: number, to: number, address: number, length: number) =>
      conversions.reportUntranslatable([from, to], address, length),
  };
};

/** Writes bytes one after the other. */
class Output {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor({ bytes }: GuestMemory, address: number) {
    this.#bytes = bytes;
    this.#at = address;
  }

  put(byte: number): void {
    this.#bytes[this.#at] = byte;
    this.#at += 1;
  }

  /** A character as long as its number has bytes: store_coded_char(). */
  putCode(code: number): void {
    for (const shift of [24, 16, 8, 0]) {
      const byte = (code >>> shift) & 0xff;
      if (byte !== 0) this.put(byte);
    }
  }
}

class Conversions {
  readonly #host: ConversionHost;
  readonly encodings: Encodings;

  constructor(host: ConversionHost) {
    this.#host = host;
    this.encodings = new Encodings(host.memory, host.table);
  }

  /** Converts by a table for the upper half of an encoding of single bytes. */
  byTable(job: Job, entries: number): number {
    return this.#run(job, (output) => (at) => {
      const byte = this.#byte(at);
      const found = isHigh(byte) ? this.#upper(byte, entries) : byte;
      if (found === 0) return 'untranslatable';
      output.put(found);
      return 1;
    });
  }

  /** @param set - number of the set of characters in the multilingual encoding */
  toMule(job: Job, set: number, entries: number): number {
    return this.#run(job, (output) => (at) => {
      const byte = this.#byte(at);
      const found = isHigh(byte) ? this.#upper(byte, entries) : byte;
      if (found === 0) return 'untranslatable';
      if (isHigh(byte)) output.put(set);
      output.put(found);
      return 1;
    });
  }

  fromMule(job: Job, set: number, entries: number): number {
    return this.#run(job, (output) => (at, remaining) => {
      const [first, second] = [this.#byte(at), this.#byte(at + 1)];
      if (!isHigh(first)) {
        output.put(first);
        return 1;
      }
      const size = this.encodings.length(ENCODING.mule, at, Infinity);
      if (remaining < size) return 'invalid';
      const found = size === 2 && first === set && isHigh(second) ? this.#upper(second, entries) : 0;
      if (found === 0) return 'untranslatable';
      output.put(found);
      return 2;
    });
  }

  fromUtf8(job: Job, maps: Maps): number {
    return this.#run(job, (output) => (at, remaining) => {
      const size = this.#utf8Size(at, remaining);
      if (size === 0) return 'invalid';
      if (size === 1) {
        output.put(this.#byte(at));
        return 1;
      }
      const code = codeAt(this.#host.memory.bytes, at, size);
      if (maps.combined !== 0 && remaining > size) {
        const nextSize = this.#utf8Size(at + size, remaining - size);
        // More is needed to tell whether both are one.
        if (nextSize === 0) return 'invalid';
        const next = codeAt(this.#host.memory.bytes, at + size, nextSize);
        const entry = nextSize === 1 ? 0 : this.#find(maps, [code, next]);
        if (entry !== 0) {
          output.putCode(this.#field(entry, 2));
          return size + nextSize;
        }
      }
      const found = this.#byTree(maps, at, size) || this.#byFunction(maps, code);
      if (found === 0) return 'untranslatable';
      output.putCode(found);
      return size;
    });
  }

  toUtf8(job: Job, maps: Maps): number {
    return this.#run(job, (output) => (at, remaining) => {
      if (!isHigh(this.#byte(at))) {
        output.put(this.#byte(at));
        return 1;
      }
      const size = this.encodings.verify(job.from, at, remaining);
      if (size < 0) return 'invalid';
      const code = codeAt(this.#host.memory.bytes, at, size);
      const found = this.#byTree(maps, at, size);
      const entry = found === 0 && maps.tree !== 0 ? this.#find(maps, [code]) : 0;
      const codes =
        entry === 0
          ? [found || this.#byFunction(maps, code)]
          : [this.#field(entry, 1), this.#field(entry, 2)];
      if (codes[0] === 0) return 'untranslatable';
      for (const each of codes) output.putCode(each);
      return size;
    });
  }

  reportInvalid(encoding: number, address: number, length: number): never {
    const bytes = this.#shown(encoding, address, length);
    this.#fail(
      NOT_IN_REPERTOIRE,
      `invalid byte sequence for encoding "${this.encodings.name(encoding)}": ${bytes}`,
    );
  }

  reportUntranslatable([from, to]: readonly [number, number], address: number, length: number): never {
    const [source, target] = [from, to].map((each) => this.encodings.name(each));
    const bytes = this.#shown(from, address, length);
    this.#fail(
      UNTRANSLATABLE,
      `character with byte sequence ${bytes} in encoding "${source}" has no equivalent in encoding "${target}"`,
    );
  }

  /** How many bytes were converted: fewer than all only where errors are not reported. */
  #run({ source, length, target, from, to, isQuiet }: Job, begin: (output: Output) => Step): number {
    const output = new Output(this.#host.memory, target);
    const step = begin(output);
    const end = source + length;
    let at = source;
    while (at < end) {
      const taken = this.#byte(at) === 0 ? 'invalid' : step(at, end - at);
      if (typeof taken === 'number') at += taken;
      else if (isQuiet) break;
      else if (taken === 'invalid') this.reportInvalid(from, at, end - at);
      else this.reportUntranslatable([from, to], at, end - at);
    }
    output.put(0);
    return at - source;
  }

  #byte(at: number): number {
    return this.#host.memory.bytes[at]!;
  }

  /** Without a table it stays what it is. */
  #upper(byte: number, entries: number): number {
    return entries === 0 ? byte : this.#byte(entries + byte - 0x80);
  }

  /** The length of the character there; 0 where there is none, or not all of it. */
  #utf8Size(at: number, remaining: number): number {
    const size = utf8Length(this.#byte(at));
    return size <= remaining && isLegalUtf8(this.#host.memory.bytes, at, size) ? size : 0;
  }

  #byTree({ tree }: Maps, at: number, length: number): number {
    return tree === 0 ? 0 : convertByTree(this.#host.memory, tree, { at, length });
  }

  #byFunction({ convert }: Maps, code: number): number {
    return convert === 0 ? 0 : (this.#host.table.get(convert) as (code: number) => number)(code) >>> 0;
  }

  #field(entry: number, index: number): number {
    return this.#host.memory.view.getUint32(entry + 4 * index, true);
  }

  /** The entry that begins with these numbers, or 0. */
  #find({ combined, combinedCount }: Maps, codes: readonly number[]): number {
    const compare = (entry: number): number => {
      const different = codes.findIndex((code, index) => code !== this.#field(entry, index));
      return different < 0 ? 0 : codes[different]! - this.#field(entry, different);
    };
    return combined === 0
      ? 0
      : findEntry({ address: combined, count: combinedCount, size: COMBINED_SIZE }, compare);
  }

  /** The bytes of a character, as errors show them. */
  #shown(encoding: number, address: number, length: number): string {
    const size = Math.min(this.encodings.length(encoding, address, length), SHOWN_BYTES);
    const bytes = this.#host.memory.bytes.subarray(address, address + size);
    return Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
  }

  /** ereport(): jumps to where PostgreSQL catches errors. */
  #fail(code: number, message: string): never {
    const { memory } = this.#host;
    const exports = this.#host.exports();
    exports.errstart(ERROR, 0);
    exports.errcode(code);
    // It is kept, and freed with all that the command has allocated.
    exports.errmsg(writeText({ malloc: exports.palloc }, memory, message), 0);
    exports.errfinish(0, 0, 0);
    throw new Error('an error of PostgreSQL was ignored');
  }
}
