/**
 * A WebAssembly module as its sections, to be changed and put together again (WebAssembly Core Specification, binary
 * format). Only what rewriting needs is understood; the rest is carried along as it is.
 */
import { readUnsigned, unsigned } from './leb128.ts';

/** Identifiers of sections. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
} as const;

/** Kinds of imports and exports. */
export const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;

/** A section that is a vector, as most are. */
export interface Vector {
  readonly count: number;
  /** The items, one after the other. */
  readonly items: Uint8Array;
}

export interface Export {
  readonly name: string;
  /** {@link KIND} */
  readonly kind: number;
  readonly number: number;
  /** As it stands in the section. */
  readonly item: Uint8Array;
}

interface Section {
  readonly id: number;
  readonly content: Uint8Array;
}

/** `\0asm`, version 1 */
const HEADER_SIZE = 8;

export class WasmModule {
  readonly #header: Uint8Array;
  readonly #sections: Section[] = [];

  constructor(bytes: Uint8Array) {
    this.#header = bytes.subarray(0, HEADER_SIZE);
    const cursor = { at: HEADER_SIZE };
    while (cursor.at < bytes.length) {
      const id = bytes[cursor.at]!;
      cursor.at += 1;
      const size = readUnsigned(bytes, cursor);
      this.#sections.push({ id, content: bytes.subarray(cursor.at, cursor.at + size) });
      cursor.at += size;
    }
  }

  /** Throws RangeError where the module has no such section. */
  vector(id: number): Vector {
    const section = this.#sections.find((each) => each.id === id);
    if (section === undefined) throw new RangeError(`the module has no section ${id}`);
    const cursor = { at: 0 };
    const count = readUnsigned(section.content, cursor);
    return { count, items: section.content.subarray(cursor.at) };
  }

  /** In the order of the section; a RangeError where the module has none. */
  exports(): Export[] {
    const { count, items } = this.vector(SECTION.export);
    const cursor = { at: 0 };
    return Array.from({ length: count }, () => {
      const start = cursor.at;
      const length = readUnsigned(items, cursor);
      const name = Buffer.from(items.subarray(cursor.at, cursor.at + length)).toString();
      cursor.at += length;
      const kind = items[cursor.at]!;
      cursor.at += 1;
      const number = readUnsigned(items, cursor);
      return { name, kind, number, item: items.subarray(start, cursor.at) };
    });
  }

  /** Numbers of the functions that are exported, by name. */
  exportedFunctions(): ReadonlyMap<string, number> {
    return new Map(
      this.exports()
        .filter(({ kind }) => kind === KIND.function)
        .map(({ name, number }) => [name, number] as const),
    );
  }

  /** Numbers of the types of the module's own functions. */
  declaredTypes(): number[] {
    const { count, items } = this.vector(SECTION.function);
    const cursor = { at: 0 };
    return Array.from({ length: count }, () => readUnsigned(items, cursor));
  }

  /**
   * Gives functions other bodies.
   * @param changes - by the place of a function among the module's own; what they get and give is without its length
   */
  changeBodies(changes: ReadonlyMap<number, (body: Uint8Array) => Uint8Array>): void {
    const { count, items } = this.vector(SECTION.code);
    const cursor = { at: 0 };
    const parts: Uint8Array[] = [];
    let kept = 0;
    for (let index = 0; index < count; index += 1) {
      const start = cursor.at;
      const length = readUnsigned(items, cursor);
      cursor.at += length;
      const change = changes.get(index);
      if (change === undefined) continue;
      const body = change(items.subarray(cursor.at - length, cursor.at));
      parts.push(items.subarray(kept, start), Uint8Array.from(unsigned(body.length)), body);
      kept = cursor.at;
    }
    parts.push(items.subarray(kept));
    this.replace(SECTION.code, { count, items: Buffer.concat(parts) });
  }

  replace(id: number, { count, items }: Vector): void {
    const index = this.#sections.findIndex((each) => each.id === id);
    this.#sections[index] = { id, content: Buffer.concat([Uint8Array.from(unsigned(count)), items]) };
  }

  remove(id: number): void {
    const index = this.#sections.findIndex((each) => each.id === id);
    if (index >= 0) this.#sections.splice(index, 1);
  }

  /** Puts a custom section, its name included, before another one. */
  insertCustom(before: number, content: readonly number[]): void {
    const index = this.#sections.findIndex(({ id }) => id === before);
    this.#sections.splice(index, 0, { id: SECTION.custom, content: Uint8Array.from(content) });
  }

  /** Adds items to a section that is there. */
  append(id: number, ...added: readonly (readonly number[])[]): void {
    const { count, items } = this.vector(id);
    this.replace(id, {
      count: count + added.length,
      items: Buffer.concat([items, Uint8Array.from(added.flat())]),
    });
  }

  /**
   * Adds a function.
   * @param type - number of its type
   * @param body - with its locals and its end, without its length
   * @returns its place among the module's own
   */
  addFunction(type: number, body: readonly number[]): number {
    const place = this.vector(SECTION.function).count;
    this.append(SECTION.function, unsigned(type));
    this.append(SECTION.code, [...unsigned(body.length), ...body]);
    return place;
  }

  /** Exports functions, by their numbers. */
  exportFunctions(numbers: Readonly<Record<string, number>>): void {
    const items = Object.entries(numbers).map(([name, number]) => {
      const bytes = Buffer.from(name);
      return [...unsigned(bytes.length), ...bytes, KIND.function, ...unsigned(number)];
    });
    this.append(SECTION.export, ...items);
  }

  bytes(): Uint8Array {
    return Buffer.concat([
      this.#header,
      ...this.#sections.flatMap(({ id, content }) => [
        Uint8Array.from([id, ...unsigned(content.length)]),
        content,
      ]),
    ]);
  }
}
