import { describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/os/command.ts';

describe('running a command', () => {
  it('gives what it prints, with arguments and input passed on as they are', async () => {
    expect(await runCommand('printf', ['%s', '$HOME; *'])).toBe('$HOME; *');
    expect(await runCommand('cat', [], { input: 'through cat' })).toBe('through cat');
  });

  it('names the command and what it complained about when it fails', async () => {
    await expect(runCommand('ls', ['/nonexistent'])).rejects.toThrow(
      expect.objectContaining({
        command: 'ls /nonexistent',
        missing: false,
        message: expect.stringMatching(/^ls \/nonexistent: .*No such file or directory$/),
      }),
    );
  });

  it('says how it ended when it complained about nothing', async () => {
    await expect(runCommand('false', [])).rejects.toThrow(/^false: .*exit code 1/);
  });

  it('recognises that there is no such command', async () => {
    await expect(runCommand('wasmrun-no-such-command', [])).rejects.toThrow(
      expect.objectContaining({ missing: true, command: 'wasmrun-no-such-command' }),
    );
  });
});
