/** Texts and lists of texts in the guest's memory, as C has them. */
import type { GuestMemory } from '../guest-memory.ts';

interface Allocator {
  malloc(size: number): number;
}

/** Address of a text that ends with a zero; whoever asks for it frees it. */
export const writeText = ({ malloc }: Allocator, memory: GuestMemory, text: string): number => {
  const bytes = Buffer.from(`${text}\0`);
  const address = malloc(bytes.length);
  memory.refresh();
  memory.slice(address, bytes.length).set(bytes);
  return address;
};

/** The same of an `argv`: addresses of texts, then a zero. */
export const writeTexts = (exports: Allocator, memory: GuestMemory, texts: readonly string[]): number => {
  const addresses = texts.map((text) => writeText(exports, memory, text));
  const list = exports.malloc(4 * (addresses.length + 1));
  memory.refresh();
  for (const [index, address] of [...addresses, 0].entries()) {
    memory.view.setUint32(list + 4 * index, address, true);
  }
  return list;
};
