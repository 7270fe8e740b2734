import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Descriptor, FILETYPE } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import { FdTable } from '../../../src/engine/fd-table.ts';

class Counted extends Descriptor {
  override readonly filetype = FILETYPE.unknown;
  closed = 0;
  override pollFds(): readonly number[] {
    return [];
  }
  protected override closeHost(): number {
    this.closed += 1;
    return 0;
  }
}

const fd = fc.oneof({ weight: 9, arbitrary: fc.nat(12) }, fc.constantFrom(65_536, 2 ** 31, 2 ** 32 - 1));
const operation = fc.oneof(
  fc.record({ do: fc.constant('add' as const) }),
  fc.record({ do: fc.constant('close' as const), fd }),
  fc.record({ do: fc.constant('renumber' as const), from: fd, to: fd }),
  fc.record({ do: fc.constant('replace' as const), fd: fc.nat(12) }),
);

test('numbers are the lowest free ones, and every descriptor is closed exactly once', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const table = new FdTable();
      const model = new Map<number, Counted>();
      const all: Counted[] = [];
      const dropped: Counted[] = [];
      const made = (): Counted => {
        const descriptor = new Counted();
        all.push(descriptor);
        return descriptor;
      };
      for (const each of operations) {
        if (each.do === 'add') {
          let lowest = 0;
          while (model.has(lowest)) lowest += 1;
          const descriptor = made();
          expect(table.add(descriptor)).toBe(lowest);
          model.set(lowest, descriptor);
        } else if (each.do === 'close') {
          expect(table.close(each.fd)).toBe(model.has(each.fd) ? 0 : -WASI.EBADF);
          model.delete(each.fd);
        } else if (each.do === 'renumber') {
          const moved = model.get(each.from);
          const works = moved !== undefined && model.has(each.to);
          expect(table.renumber(each.from, each.to)).toBe(works ? 0 : -WASI.EBADF);
          if (!works || each.from === each.to) continue;
          model.set(each.to, moved);
          model.delete(each.from);
        } else {
          // A socket that becomes a listener: the old descriptor is not closed, it lives on in the new one.
          const old = model.get(each.fd);
          if (old === undefined) continue;
          const descriptor = made();
          table.replace(each.fd, descriptor);
          model.set(each.fd, descriptor);
          dropped.push(old);
        }
      }
      for (let number = 0; number < 70; number += 1) expect(table.get(number)).toBe(model.get(number));
      const open = new Set(model.values());
      for (const descriptor of all) {
        const isOpen = open.has(descriptor) || dropped.includes(descriptor);
        expect(descriptor.closed).toBe(isOpen ? 0 : 1);
      }
    }),
  );
});

test('a full table closes what it cannot take', () => {
  const table = new FdTable();
  for (let count = 0; count < 65_536; count += 1) table.add(new Counted());
  const last = new Counted();
  expect(table.add(last)).toBe(-WASI.EMFILE);
  expect(last.closed).toBe(1);
  table.close(777);
  expect(table.add(new Counted())).toBe(777);
});
