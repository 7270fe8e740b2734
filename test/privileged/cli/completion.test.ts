/** Completion of the names of sandboxes that run. */
import { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { complete } from '../../../src/cli/completion/complete.ts';
import { valuesOf } from '../../../src/cli/completion/values.ts';
import { newPrefix, remains, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';

const program = new Command('wasmrun');
program.command('stop').argument('<sandbox>');

test('sandboxes that run, of this prefix', async () => {
  const prefix = newPrefix();
  vi.stubEnv('WASMRUN_NAMESPACE_PREFIX', prefix);
  const names = async (typed: string) =>
    (await complete(program as never, ['stop', typed], valuesOf)).candidates.map(({ word }) => word);
  expect(await names('')).toEqual([]);
  {
    const start = (name: string) =>
      startCli(['os', guestPath('hello-wasmedge'), '--name', name, '--forward', '3000'], { prefix });
    await using web = start('web');
    await using api = start('api');
    await Promise.all([web.url(), api.url()]);
    expect(await names('')).toEqual(['api', 'web']);
    expect(await names('w')).toEqual(['web']);
    for (const run of [web, api]) {
      run.process.kill('SIGTERM');
      await run.ended;
    }
  }
  expect(await names('')).toEqual([]);
  expect(remains(prefix)).toEqual([]);
});
