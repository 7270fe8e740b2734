/** What a runtime's program and the user's settings become together. */
import { expect, test } from 'vitest';
import type { GuestProgram } from '../../src/runtime/runtime.ts';
import { planRun } from '../../src/wasmrun.ts';
import { load } from './config/load-settings.ts';

const PROGRAM: GuestProgram = { modulePath: '/runtime/engine.wasm', args: ['app', 'one'] };

const engineOf = async (program: GuestProgram, config = '') => {
  const { settings } = await load({ '.wasmrun.toml': config });
  const app = { directory: '/app', name: 'app', nameIsExplicit: false, runtime: 'test', program };
  return (await planRun({ settings, app })).engine;
};

test('a program that needs nothing gets a scratch directory', async () => {
  const engine = await engineOf(PROGRAM);
  expect(engine).toMatchObject({
    module: '/runtime/engine.wasm',
    args: ['app', 'one'],
    directories: [],
    tmpfs: ['/tmp'],
  });
  expect(engine).not.toHaveProperty('driver');
});

test('a program gets its driver and the directories it needs', async () => {
  const directories = [
    { hostPath: '/app', guestPath: '/app', readOnly: true },
    { hostPath: '/lib/runtime', guestPath: '/lib', readOnly: true },
  ];
  const program = {
    ...PROGRAM,
    driver: '/runtime/driver.js',
    options: { any: 1 },
    directories,
    tmpfs: ['/cache'],
  };
  expect(await engineOf(program)).toMatchObject({
    driver: '/runtime/driver.js',
    directories,
    tmpfs: ['/cache', '/tmp'],
  });
});

test('what the user mounts goes before what a program needs', async () => {
  const program = {
    ...PROGRAM,
    directories: [
      { hostPath: '/runtime/app', guestPath: '/app', readOnly: true },
      { hostPath: '/runtime/lib', guestPath: '/lib', readOnly: true },
      { hostPath: '/runtime/tmp', guestPath: '/tmp', readOnly: false },
    ],
    tmpfs: ['/cache', '/data', '/lib'],
  };
  const config = '[app]\ndirs = ["/mine:/app", "/store:/data"]\ntmpfs = ["/lib"]\n';
  const { directories, tmpfs } = await engineOf(program, config);
  expect(directories).toEqual([
    { hostPath: '/mine', guestPath: '/app', readOnly: false },
    { hostPath: '/store', guestPath: '/data', readOnly: false },
    { hostPath: '/runtime/tmp', guestPath: '/tmp', readOnly: false },
  ]);
  expect(tmpfs).toEqual(['/lib', '/cache']);
});
