import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { FIELD_NAMES, FIELDS, splitFieldName, type Field } from '../../../src/config/fields.ts';
import { DEFAULT_ADDRESS_POOLS } from '../../../src/network/address-pool.ts';
import { load } from './load-settings.ts';

const example = await readFile(new URL('../../../.wasmrun.toml.example', import.meta.url), 'utf8');
/** The example with every key in force: comments of keys have no space behind the `#`. */
const uncommented = example.replaceAll(/^#(?=[a-z_]+ = )/gm, '');

describe('.wasmrun.toml.example', () => {
  test('changes nothing as it is', async () => {
    const { origins } = await load({ '.wasmrun.toml': example });
    expect(new Set(Object.values(origins))).toEqual(new Set(['default']));
  });

  test('is valid with every key in force, and then nothing is left to a default', async () => {
    const { settings, merged } = await load({ '.wasmrun.toml': uncommented, '.env': 'FROM_FILE=1' });
    for (const name of FIELD_NAMES)
      expect(merged.get(name)?.origin(), name).toMatch(/^\.\/\.wasmrun\.toml:\d+:1$/);
    expect(settings.app.env).toEqual({ FROM_FILE: '1', LOG_LEVEL: 'debug', GREETING: 'hello' });
    expect(settings.network.addressPool).toEqual(DEFAULT_ADDRESS_POOLS);
  });

  test.each(FIELD_NAMES)('explains %s', (name) => {
    const { section, key } = splitFieldName(name);
    const { flag, variable }: Field<unknown> = FIELDS[name];
    const own = example.split(/^(?=\[)/m).find((part) => part.startsWith(`[${section}]`)) ?? '';
    const lines = own.split('\n');
    const place = lines.findIndex((line) => line.startsWith(`#${key} = `));
    expect(place).toBeGreaterThan(0);
    const explanation = lines.slice(Math.max(0, lines.lastIndexOf('', place)), place).join('\n');
    expect(explanation).toMatch(/# \w+/);
    for (const word of [flag, variable]) if (word !== undefined) expect(explanation).toContain(word);
  });
});

test('the example of every row is one its own reader takes', async () => {
  const sections = Map.groupBy(FIELD_NAMES, (name) => splitFieldName(name).section);
  const source = [...sections].map(([section, names]) =>
    [`[${section}]`, ...names.map((name) => `${splitFieldName(name).key} = ${FIELDS[name].example}`)].join(
      '\n',
    ),
  );
  const { merged } = await load({ '.wasmrun.toml': source.join('\n'), '.env': '' });
  for (const name of FIELD_NAMES) expect(merged.get(name)?.origin(), name).not.toBe('default');
});
