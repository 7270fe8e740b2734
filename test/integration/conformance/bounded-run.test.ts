import { describe, expect, it } from 'vitest';
import { runBounded } from '../../../scripts/conformance/bounded-run.ts';
import type { NodeCommand } from '../../helpers/nodejs-command.ts';
import { eventually, isRunning } from '../../helpers/cli.ts';

const program = (source: string): NodeCommand => ({
  file: process.execPath,
  args: ['-e', source],
  cwd: '/',
  env: process.env,
});

const pidsIn = (output: string): number[] => [...output.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));

describe('a bounded run', () => {
  it('returns status and output, of which it keeps no more than it is told to', async () => {
    const ending = await runBounded(program('console.error("x".repeat(100_000)); process.exitCode = 3'), {
      timeoutMs: 30_000,
      outputBytes: 10,
    });
    expect(ending).toEqual({ status: 3, signal: null, isTimedOut: false, output: 'x'.repeat(10) });
  });

  it('ends a program that ignores SIGTERM, and its children', async () => {
    const hanging = `
      process.on('SIGTERM', () => {});
      setInterval(() => {}, 1000);
      console.log('pid', process.pid);
      const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
      console.log('pid', child.pid);`;
    const ending = await runBounded(program(hanging), { timeoutMs: 1500, graceMs: 200 });
    expect(ending).toMatchObject({ isTimedOut: true, status: null, signal: 'SIGKILL' });
    const pids = pidsIn(ending.output);
    expect(pids).toHaveLength(2);
    expect(await eventually(() => !pids.some(isRunning))).toBe(true);
  });

  it('comes back although a child that outlives the program holds its output open', async () => {
    const leaving = `
      const { spawn } = require('node:child_process');
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit', detached: true });
      console.log('pid', child.pid);
      child.unref();`;
    const ending = await runBounded(program(leaving), { timeoutMs: 30_000 });
    expect(ending).toMatchObject({ isTimedOut: false, status: 0 });
    const [orphan] = pidsIn(ending.output);
    expect(isRunning(orphan!)).toBe(true); // it left the group: it is the test's to end
    process.kill(orphan!, 'SIGKILL');
  });

  it('fails when the program cannot be started', async () => {
    const missing = { ...program(''), file: '/nonexistent/program' };
    await expect(runBounded(missing, { timeoutMs: 1000 })).rejects.toThrow('ENOENT');
  });
});
