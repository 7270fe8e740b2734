/**
 * Calls every host function with arguments no program would pass. A module is made for each run, so the
 * real engine serves the calls: wrapping, memory checks and privileges included.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import type { EngineOptions } from '../../helpers/engine.ts';
import { ModuleFolder } from '../../helpers/wasm-encoder.ts';
import { ABIS, SURVIVED, anyCallOf, moduleOf } from './fuzz-calls.ts';
import type { Call } from './fuzz-calls.ts';

/** A run takes a tenth of this; longer means that a call waits for something that never comes. */
const HANG_MS = 5000;

describe('host functions given anything', () => {
  let outside = '';
  let folder: ModuleFolder;
  beforeAll(() => {
    folder = new ModuleFolder();
    outside = mkdtempSync(join(tmpdir(), 'wasmrun-fuzz-'));
    for (const name of ['writable', 'readable', 'beside']) mkdirSync(join(outside, name));
    writeFileSync(join(outside, 'readable', 'a'), 'content');
    writeFileSync(join(outside, 'x'), 'not to be seen');
  });
  afterAll(() => {
    folder[Symbol.dispose]();
    rmSync(outside, { recursive: true });
  });

  const launch = (guest: string, port: number): EngineOptions => ({
    guest,
    args: ['fuzz', 'with', 'arguments'],
    env: { NAME: 'value' },
    // Descriptors: 0–2 streams, 3 listener, 4 and 5 directories of the host, 6 in memory.
    ports: [port],
    directories: [
      { hostPath: join(outside, 'writable'), guestPath: '/w', readOnly: false },
      { hostPath: join(outside, 'readable'), guestPath: '/r', readOnly: true },
    ],
    tmpfs: ['/tmp'],
  });

  test.each(ABIS)(
    '(%s) always answer with an errno, and the engine lives on',
    async (_abi, module, functions) => {
      const port = await freePort();
      const makeNonBlocking: Call = { name: 'fd_fdstat_set_flags', arguments: [3, 4] };
      const property = fc.asyncProperty(
        fc.array(anyCallOf(functions), { minLength: 1, maxLength: 1500, size: 'max' }),
        async (calls) => {
          const guest = folder.write(moduleOf([makeNonBlocking, ...calls], functions, module));
          await using run = startEngine(launch(guest, port));
          const timer = setTimeout(() => run.process.kill('SIGKILL'), HANG_MS);
          const { status, end } = await run.ended;
          clearTimeout(timer);
          expect({ status, end, stderr: run.stderr().match(/wasm trap.*/g) }).toEqual({
            status: SURVIVED,
            end: { type: 'exited', status: SURVIVED, reason: 'exit' },
            stderr: null,
          });
        },
      );
      await fc.assert(property, { numRuns: 12, endOnFailure: true });
      expect(readdirSync(outside).sort()).toEqual(['beside', 'readable', 'writable', 'x']);
      expect(readdirSync(join(outside, 'readable'))).toEqual(['a']);
    },
  );
});
