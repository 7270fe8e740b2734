import { expect, test } from 'vitest';
import fc from 'fast-check';
import type { PortTraffic } from '../../../src/engine/messages.ts';
import { EngineTraffic, sumTraffic } from '../../../src/sandbox/traffic.ts';

const count = fc.nat(1_000_000);
const traffic: fc.Arbitrary<PortTraffic> = fc.record({
  protocol: fc.constantFrom('tcp', 'udp'),
  port: fc.integer({ min: 1, max: 4 }),
  accepted: count,
  received: count,
  sent: count,
});

test('sums are those of each port and protocol, however the counts are distributed', () => {
  fc.assert(
    fc.property(fc.array(fc.array(traffic)), (all) => {
      const sums = sumTraffic(all);
      expect(new Set(sums.map(({ protocol, port }) => `${port}/${protocol}`)).size).toBe(sums.length);
      for (const field of ['accepted', 'received', 'sent'] as const) {
        for (const sum of sums) {
          const parts = all
            .flat()
            .filter(({ protocol, port }) => protocol === sum.protocol && port === sum.port);
          expect(sum[field]).toBe(parts.reduce((total, part) => total + part[field], 0));
        }
        const total = (list: readonly PortTraffic[]): number =>
          list.reduce((one, each) => one + each[field], 0);
        expect(total(sums)).toBe(total(all.flat()));
      }
    }),
  );
});

const tcp = (port: number, sent: number): PortTraffic => ({
  protocol: 'tcp',
  port,
  accepted: 1,
  received: 0,
  sent,
});

test('an answer counts when all of it is there, and is asked for once', async () => {
  let asked = 0;
  const engine = new EngineTraffic(() => (asked += 1));
  const both = [engine.refresh(), engine.refresh()];
  engine.receive({ type: 'traffic', ports: [tcp(1, 5)], isPartial: true });
  expect(engine.latest).toEqual([]);
  engine.receive({ type: 'traffic', ports: [tcp(2, 6)], isPartial: false });
  await Promise.all(both);
  expect(engine.latest).toEqual([tcp(1, 5), tcp(2, 6)]);
  expect(asked).toBe(1);
});

test('one who does not answer is not waited for, nor one who has ended', async () => {
  let asked = 0;
  const engine = new EngineTraffic(() => (asked += 1));
  engine.receive({ type: 'traffic', ports: [tcp(1, 5)], isPartial: false });
  await engine.refresh();
  const waiting = engine.refresh();
  engine.end();
  await waiting;
  expect(engine.latest).toEqual([tcp(1, 5)]);
  expect(asked).toBe(1);
});
