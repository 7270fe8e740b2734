/** Sandboxes that reach each other by name: apps for Node.js on both sides, in every kind of isolation. */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IsolationName } from '../../../src/network/names.ts';
import { BIN, killAll, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { OrdinaryUser } from '../../helpers/ordinary-user.ts';

const PROGRAMS = fileURLToPath(new URL('../nodejs/programs', import.meta.url));

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(() => {
  expect(remains(prefix)).toEqual([]);
});

type Start = (args: readonly string[]) => CliRun;
const asRoot: Start = (args) => startCli(['os', ...args], { prefix });

/** Starts one that can be reached, at `NAME PORT` on its ports 5432 and 8080. */
const startServer = async (start: Start, name: string, ...args: string[]): Promise<CliRun> => {
  const file = join(PROGRAMS, 'peer-server.cjs');
  const run = start([file, '--language', 'nodejs', '--name', name, ...args, '--', name]);
  await run.printed(new RegExp(`${name} is ready`));
  return run;
};

interface Client extends AsyncDisposable {
  readonly run: CliRun;
  try(what: string): Promise<string>;
}

/** Starts one that tries to reach others. */
const startClient = async (start: Start, ...args: string[]): Promise<Client> => {
  const file = join(PROGRAMS, 'peer-client.cjs');
  const run = start([file, '--language', 'nodejs', '--name', 'web', '--forward', '3000', ...args]);
  const url = await run.url();
  return {
    run,
    try: async (what) => (await fetch(`${url}/${what}`)).text(),
    [Symbol.asyncDispose]: () => stop(run),
  };
};

const stop = async (run: CliRun): Promise<void> => {
  run.process.kill('SIGTERM');
  expect(await run.ended).toMatchObject({ status: 143 });
};

/** Lines about what was refused. */
const refusals = ({ run }: Client): string[] =>
  run
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('refused: '));

test('nobody is reached without being a peer, by name or by address', async () => {
  await using db = await startServer(asRoot, 'db');
  const [, address] = await db.printed(/^db {2}([\d.]+)/m);
  {
    await using web = await startClient(asRoot);
    expect(await web.try('lookup/db')).toBe('ENOTFOUND');
    expect(await web.try('lookup/nobody')).toBe('ENOTFOUND');
    expect(await web.try('lookup/web')).toBe('ENOTFOUND');
    for (const host of [address, '198.18.0.1']) {
      expect(await web.try(`connect/${host}:5432`)).toBe('ECONNREFUSED');
    }
    expect(refusals(web)).toEqual([
      'refused: web → db: not a peer (--peer db)',
      'refused: web → nobody: outbound connections are off (--allow-net nobody)',
      'refused: web → web: outbound connections are off (--allow-net web)',
      `refused: web → ${address}:5432: outbound connections are off (--allow-net ${address}:5432)`,
      'refused: web → 198.18.0.1:5432: outbound connections are off (--allow-net 198.18.0.1:5432)',
    ]);
  }
  await stop(db);
});

test('whoever may reach the whole world is told of a sandbox that is no peer, too', async () => {
  await using db = await startServer(asRoot, 'db');
  // No name server is asked.
  await using directory = await writeAppDirectory({ 'nsswitch.conf': 'hosts: files\n' });
  const script = 'mount --bind "$0" /etc/nsswitch.conf && exec "$@"';
  const file = join(directory.path, 'nsswitch.conf');
  const start: Start = (args) =>
    startCli(['os', ...args], { prefix, command: ['unshare', '--mount', 'sh', '-c', script, file, BIN] });
  {
    await using web = await startClient(start, '--outbound', 'all');
    expect(await web.try('lookup/db')).toBe('ENOTFOUND');
    expect(refusals(web)).toEqual(['refused: web → db: not a peer (--peer db)']);
  }
  await stop(db);
});

test('of a peer with a port only that port is reached, and nobody by UDP', async () => {
  await using db = await startServer(asRoot, 'db');
  {
    await using web = await startClient(asRoot, '--peer', 'db:5432');
    expect(await web.try('lookup/db')).toBe('198.18.0.1');
    expect(await web.try('lookup/DB.')).toBe('198.18.0.1');
    expect(await web.try('connect/db:5432')).toBe('db 5432');
    expect(await web.try('connect/db:8080')).toBe('ECONNREFUSED');
    expect(await web.try('datagram/db:5432')).toBe('ECONNREFUSED');
    expect(await web.try('connect/198.18.0.2:5432')).toBe('ECONNREFUSED');
    expect(refusals(web)).toEqual([
      'refused: web → db:8080: not a port of that peer (--peer db:8080)',
      'refused: web → db:5432/udp: UDP does not leave a sandbox',
      'refused: web → 198.18.0.2:5432: outbound connections are off (--allow-net 198.18.0.2:5432)',
    ]);
  }
  await stop(db);
});

test('a peer is given no way back, and nobody is a peer of itself', async () => {
  await using web = await startServer(asRoot, 'web', '--peer', 'db');
  {
    const file = join(PROGRAMS, 'peer-client.cjs');
    const args = ['os', file, '--language', 'nodejs', '--name', 'db', '--forward', '3000', '--peer', 'db'];
    await using db = startCli(args, { prefix });
    const url = await db.url();
    expect(await (await fetch(`${url}/lookup/web`)).text()).toBe('ENOTFOUND');
    expect(await (await fetch(`${url}/connect/db:3000`)).text()).toBe('ECONNREFUSED');
    expect(db.stderr()).toContain('refused: db → web: not a peer (--peer web)\n');
    expect(db.stderr()).toContain('refused: db → db:3000: that is the sandbox itself');
    await stop(db);
  }
  await stop(web);
});

test('it may start later, end, be killed, and come back with another address: the name stays good', async () => {
  // Addresses that no other test takes.
  const pool = `10.${randomInt(160, 220)}.${randomInt(256)}.0/28`;
  const start: Start = (args) => startCli(['os', ...args], { prefix, env: { WASMRUN_ADDRESS_POOL: pool } });
  {
    await using web = await startClient(start, '--peer', 'db', '--peer', 'other');
    const connect = (): Promise<string> => web.try('connect/db:5432');
    expect(await web.try('lookup/db')).toBe('198.18.0.1');
    expect(await connect()).toBe('ECONNREFUSED');
    expect(refusals(web)).toEqual(['refused: web → db:5432: no sandbox of that name is running']);

    await using first = await startServer(start, 'db');
    const [, address] = await first.printed(/^db {2}([\d.]+)/m);
    expect(await connect()).toBe('db 5432');
    await stop(first);
    expect(await connect()).toBe('ECONNREFUSED');

    // Somebody else has its address now.
    await using other = await startServer(start, 'other');
    const [, taken] = await other.printed(/^other {2}([\d.]+)/m);
    expect(taken).toBe(address);
    expect(await connect()).toBe('ECONNREFUSED');
    await using second = await startServer(start, 'db');
    expect([await connect(), await web.try('connect/other:5432')]).toEqual(['db 5432', 'other 5432']);

    // Nobody sweeps up after it: its record says that it is there.
    await killAll(second);
    expect(await connect()).toBe('ECONNREFUSED');
    await using third = await startServer(start, 'db', '--isolation', 'virtual', '--forward', '5432');
    expect(await connect()).toBe('db 5432');
    await stop(third);
    await stop(other);
    expect(refusals(web)).toHaveLength(1);
  }
});

test('without a forward nobody reaches one that has no address, and the line says how to mend that', async () => {
  await using db = await startServer(asRoot, 'db', '--isolation', 'virtual');
  {
    await using web = await startClient(asRoot, '--peer', 'db');
    expect(await web.try('connect/db:5432')).toBe('ECONNREFUSED');
    expect(refusals(web)).toEqual([
      'refused: web → db:5432: db has no address of its own, and no forward leads to that port (wasmrun port expose db 5432, or --forward 5432 for db)',
    ]);
    expect((await runCli(['port', 'expose', 'db', '5432'], { prefix })).status).toBe(0);
    expect(await web.try('connect/db:5432')).toBe('db 5432');
    expect((await runCli(['port', 'expose', 'db', '8080', '--bind', '::1'], { prefix })).status).toBe(0);
    expect(await web.try('connect/db:8080')).toBe('db 8080');
  }
  await stop(db);
});

test('a detached sandbox has its peers after a restart', async () => {
  await using db = await startServer(asRoot, 'db');
  const file = join(PROGRAMS, 'peer-client.cjs');
  const flags = ['--language', 'nodejs', '--name', 'web', '--forward', '3000', '--peer', 'db:5432'];
  const list = async (): Promise<string> => {
    const { stdout } = await runCli(['port', 'list', 'web', '--json'], { prefix });
    return `http://127.0.0.1:${/"host_port":(\d+)/.exec(stdout)?.[1]}`;
  };
  try {
    expect(await runCli(['os', file, ...flags, '--detach'], { prefix })).toMatchObject({ status: 0 });
    expect(await (await fetch(`${await list()}/connect/db:5432`)).text()).toBe('db 5432');
    expect(await runCli(['stop', 'web'], { prefix })).toMatchObject({ status: 0 });
    expect(await runCli(['start', 'web'], { prefix })).toMatchObject({ status: 0 });
    expect(await (await fetch(`${await list()}/connect/db:5432`)).text()).toBe('db 5432');
  } finally {
    await runCli(['rm', '--force', 'web'], { prefix });
  }
  await stop(db);
});

/** Reaches a server, twice: it is another one the second time. */
const meet = async (start: Start, client: IsolationName, server: IsolationName): Promise<void> => {
  await using web = await startClient(start, '--isolation', client, '--peer', 'db:5432');
  for (let round = 0; round < 2; round += 1) {
    await using db = await startServer(start, 'db', '--isolation', server, '--forward', '5432');
    expect(await web.try('connect/db:5432')).toBe('db 5432');
    expect(await web.try('connect/db:8080')).toBe('ECONNREFUSED');
    await stop(db);
  }
  expect(refusals(web)).toEqual(['refused: web → db:8080: not a port of that peer (--peer db:8080)']);
};

describe('whatever keeps them apart', () => {
  test.each([
    ['namespace', 'namespace'],
    ['namespace', 'virtual'],
    ['virtual', 'namespace'],
    ['virtual', 'virtual'],
  ] as const)('%s reaches %s', async (client, server) => {
    await meet(asRoot, client, server);
  });

  test.each([
    ['user-namespace', 'user-namespace'],
    ['user-namespace', 'virtual'],
    ['virtual', 'user-namespace'],
  ] as const)('%s reaches %s, without root', async (client, server) => {
    using user = new OrdinaryUser();
    const start: Start = (args) => user.start(['os', ...args], { prefix });
    await meet(start, client, server);
    expect(user.remains(prefix)).toEqual([]);
  });

  test('one user’s sandbox is no peer of another user’s', async () => {
    using user = new OrdinaryUser();
    await using db = await startServer(asRoot, 'db', '--forward', '5432');
    {
      const start: Start = (args) => user.start(['os', ...args], { prefix });
      await using web = await startClient(start, '--peer', 'db');
      expect(await web.try('connect/db:5432')).toBe('ECONNREFUSED');
      expect(refusals(web)).toEqual(['refused: web → db:5432: no sandbox of that name is running']);
    }
    await stop(db);
  });
});
