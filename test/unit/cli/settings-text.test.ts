import { expect, test } from 'vitest';
import { printSettings } from '../../../src/cli/settings-text.ts';
import { load } from '../config/load-settings.ts';

test('what is printed is a .wasmrun.toml that gives the same settings', async () => {
  const flags = {
    '--name': 'web',
    '--forward': ['[::1]:8080:3000', '8000-8003:1-4', '127.0.0.1::5'],
    '--bind': ['127.0.0.1'],
    '--env': ['PLAIN=1', 'ODD.NAME="quoted" \\ \u007F\n\u00e9', '__proto__=x'],
    '--dir': ['/srv:/www:ro'],
    '--tmpfs': ['/cache'],
    '--': ['--flag', "it's"],
  };
  const original = await load(
    { '.wasmrun.toml': '[build]\ncommand = ["a", "b c"]\n[watch]\ndebounce_ms = 5\n' },
    { flags },
  );
  for (const withOrigin of [false, true]) {
    const again = await load({ '.wasmrun.toml': printSettings(original.loaded, withOrigin) });
    expect({ ...again.settings, configFile: '' }).toEqual({ ...original.settings, configFile: '' });
  }
});

test('origins stand behind the values', async () => {
  const text = printSettings((await load({ '.wasmrun.toml': '[app]\nenv = { A = "1" }' })).loaded, true);
  expect(text).toMatch(/^env\.A = "1" +# \.\/\.wasmrun\.toml:2:9$/m);
  expect(text).toMatch(/^transport = "auto" +# default$/m);
  expect(text).toMatch(/^# name is not set$/m);
});
