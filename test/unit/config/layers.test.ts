import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FIELD_NAMES, FIELDS, type Field } from '../../../src/config/fields.ts';
import { defaultLayer, environmentLayer, flagLayer, Layer, mergeLayers } from '../../../src/config/layers.ts';

/** Texts that are valid for each setting a flag can give; every run draws some of them. */
const VALID_TEXTS: Record<string, readonly string[]> = {
  '--name': ['web', 'a-1', 'x'],
  '--language': ['wasm', 'nodejs'],
  '--module': ['a.wasm', 'server.js'],
  '--memory': ['64m', '1g'],
  '--': ['--verbose', 'a b', ''],
  '--env': ['A=1', 'B=', 'A=2'],
  '--env-file': ['.env', '/etc/env'],
  '--dir': ['data', '/srv:/www:ro'],
  '--tmpfs': ['/cache', '/tmp'],
  '--forward': ['8080:3000', '9000-9002:1-3', '3000'],
  '--bind': ['127.0.0.1', '::1', '0.0.0.0'],
  '--isolation': ['auto', 'user-namespace'],
  '--transport': ['auto', 'handoff'],
  '--outbound': ['none', 'all'],
  '--allow-net': ['203.0.113.0/24:443', 'example.org'],
  '--peer': ['db', 'db:5432'],
};

const flags = fc.record(
  Object.fromEntries(
    Object.entries(VALID_TEXTS).map(([flag, texts]) => [
      flag,
      fc.array(fc.constantFrom(...texts), { minLength: 1, maxLength: 3 }),
    ]),
  ),
  { requiredKeys: [] },
);

const ENVIRONMENT_TEXTS: Record<string, readonly string[]> = {
  WASMRUN_NAME: ['env-name'],
  WASMRUN_LANGUAGE: ['python'],
  WASMRUN_MEMORY: ['64M'],
  WASMRUN_FORWARDS: ['1:1,2:2', '5'],
  WASMRUN_BIND: ['127.0.0.2'],
  WASMRUN_ISOLATION: ['namespace'],
  WASMRUN_TRANSPORT: ['nftables'],
  WASMRUN_OUTBOUND: ['allow-list'],
  WASMRUN_ALLOW_NET: ['example.org:443,[2001:db8::/32]:1'],
  WASMRUN_PEERS: ['db:5432,cache'],
  WASMRUN_NAMESPACE_PREFIX: ['other'],
  WASMRUN_ADDRESS_POOL: ['10.9.0.0/16,10.10.0.0/16'],
  WASMRUN_POSTGRES_PASSWORD: ['of the environment'],
};

const environment = fc.record(
  Object.fromEntries(
    Object.entries(ENVIRONMENT_TEXTS).map(([name, texts]) => [name, fc.constantFrom(...texts)]),
  ),
  { requiredKeys: [] },
);

const layers = fc.tuple(flags, environment).map(([given, environment]) => {
  const surroundings = { directory: '/work', environment };
  return [flagLayer(given, surroundings), environmentLayer(surroundings), defaultLayer()];
});

const plain = (layer: Layer) => [...layer].map(([name, entry]) => [name, entry.value, entry.origin()]);

test('the texts above cover every flag and every variable', () => {
  const rows: Field<unknown>[] = FIELD_NAMES.map((name) => FIELDS[name]);
  expect(Object.keys(VALID_TEXTS).toSorted()).toEqual(rows.flatMap((row) => row.flag ?? []).toSorted());
  expect(Object.keys(ENVIRONMENT_TEXTS).toSorted()).toEqual(
    rows.flatMap((row) => row.variable ?? []).toSorted(),
  );
});

describe('merging', () => {
  test('the first layer that has a setting gives its value and its origin', () => {
    fc.assert(
      fc.property(layers, (all) => {
        const merged = mergeLayers(all);
        for (const name of FIELD_NAMES) {
          const winner = all.map((layer) => layer.get(name)).find((entry) => entry !== undefined);
          expect(merged.get(name)?.value).toEqual(winner?.value);
          expect(merged.get(name)?.origin()).toBe(winner?.origin());
        }
      }),
    );
  });

  test('origins are truthful: a flag says the flag, a variable the variable, else default', () => {
    fc.assert(
      fc.property(flags, environment, (given, environment) => {
        const surroundings = { directory: '/work', environment };
        const merged = mergeLayers([
          flagLayer(given, surroundings),
          environmentLayer(surroundings),
          defaultLayer(),
        ]);
        for (const [name, entry] of merged) {
          const { flag, variable }: Field<unknown> = FIELDS[name];
          if (flag !== undefined && given[flag] !== undefined) {
            expect(entry.origin()).toBe(flag === '--' ? 'arguments after --' : `flag ${flag}`);
          } else if (variable !== undefined && environment[variable] !== undefined) {
            expect(entry.origin()).toBe(`environment ${variable}`);
          } else expect(entry.origin()).toBe('default');
        }
      }),
    );
  });

  test('merging twice, or one layer with itself, changes nothing', () => {
    fc.assert(
      fc.property(layers, (all) => {
        const merged = mergeLayers(all);
        expect(plain(mergeLayers([merged]))).toEqual(plain(merged));
        expect(plain(mergeLayers([merged, merged]))).toEqual(plain(merged));
        expect(plain(mergeLayers([merged, ...all]))).toEqual(plain(merged));
      }),
    );
  });

  test('grouping does not matter', () => {
    fc.assert(
      fc.property(layers, ([top, middle, bottom]) => {
        const left = mergeLayers([mergeLayers([top!, middle!]), bottom!]);
        const right = mergeLayers([top!, mergeLayers([middle!, bottom!])]);
        expect(plain(left)).toEqual(plain(right));
      }),
    );
  });
});
