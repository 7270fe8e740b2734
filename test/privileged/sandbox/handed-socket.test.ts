/**
 * A connection accepted from a handed-off listener lives in the host's namespace: a guest must not be able
 * to make anything else of it.
 */
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { newPrefix, remains, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';

test.each(['rebind-wasmedge', 'rebind-wasix'])(
  '%s gets nothing out of an accepted connection',
  async (guest) => {
    const prefix = newPrefix();
    const hostPort = await freePort();
    const victim = await freePort();
    const args = ['os', guestPath(guest), '--transport', 'handoff', '--forward', `${hostPort}:3000`];
    await using run = startCli([...args, '--', '3000', String(victim)], { prefix });
    await run.url();
    const client = connect(hostPort, '127.0.0.1', () => client.resetAndDestroy());
    const { stdout, status } = await run.ended;
    expect(stdout.trim().split('\n')).toEqual([
      'listen ok',
      'bind refused',
      'listen-again refused',
      'connect refused',
    ]);
    expect(status).toBe(0);
    expect(remains(prefix)).toEqual([]);
  },
);
