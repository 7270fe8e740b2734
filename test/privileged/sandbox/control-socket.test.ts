import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { ControlClient } from '../../../src/sandbox/control/control-client.ts';
import { eventually, newPrefix, remains, startCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';

const prefix = newPrefix();
const path = `/run/wasmrun/${prefix}/web.sock`;
const client = new ControlClient('web', path);
let web: CliRun;

beforeAll(async () => {
  web = startCli(['os', guestPath('hello-wasmedge'), '--name', 'web', '--forward', '3000'], { prefix });
  await web.url();
});

afterAll(async () => {
  await client.stop();
  expect(await web.ended).toMatchObject({ status: 143 });
  expect(existsSync(path)).toBe(false);
  expect(remains(prefix)).toEqual([]);
});

const isAnswering = async (): Promise<boolean> => (await client.info()).state === 'running';

/** Everything that comes back for some bytes, until the other side ends it. */
const say = async (bytes: Uint8Array | string): Promise<string> => {
  const socket = connect({ path, allowHalfOpen: true });
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part)).on('error', () => {});
  socket.end(bytes);
  await once(socket, 'close');
  return Buffer.concat(parts).toString();
};

test('it is for its own user alone, and says who and where the sandbox is', async () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const info = await client.info();
  expect(info).toMatchObject({
    name: 'web',
    pid: web.process.pid,
    isolation: 'namespace',
    network: {
      namespace: `${prefix}-web`,
      prefixLength: 31,
      netmask: '255.255.255.254',
      guestInterface: 'eth0',
    },
    forwards: [{ protocol: 'tcp', processPort: 3000, state: 'open' }],
    isDetached: false,
  });
  const inside = execFileSync('ip', ['-n', `${prefix}-web`, '-j', 'link', 'show', 'eth0'], {
    encoding: 'utf8',
  });
  expect(JSON.parse(inside)).toMatchObject([{ address: info.network!.macAddress }]);
  expect(info.memory).toBeGreaterThan(1_000_000);
});

test('another user is turned away, even where files would let him in', async () => {
  const directories = ['/run/wasmrun', `/run/wasmrun/${prefix}`];
  const program = `
    const socket = require('node:net').connect(${JSON.stringify(path)});
    socket.on('connect', () => socket.write('GET /v1/sandbox HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n'));
    socket.on('data', (part) => console.log(String(part))).on('error', ({ code }) => console.log(code));`;
  const askAsNobody = (): string =>
    spawnSync('/usr/bin/node', ['-e', program], { uid: 65_534, gid: 65_534, encoding: 'utf8' }).stdout;
  expect(askAsNobody()).toBe('EACCES\n');
  const modes = [...directories, path].map((each) => [each, statSync(each).mode & 0o7777] as const);
  try {
    for (const directory of directories) chmodSync(directory, 0o755);
    chmodSync(path, 0o666);
    // Let in by the files, and parted from by the credentials.
    expect(askAsNobody()).toMatch(/^(ECONNRESET\n|EPIPE\n|)$/);
  } finally {
    for (const [each, mode] of modes) chmodSync(each, mode);
  }
  expect(await isAnswering()).toBe(true);
});

test('garbage is answered by an error or an end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 512 }), async (bytes) => {
      expect(await say(bytes)).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
    }),
    { numRuns: 50 },
  );
  const post = (body: string): string =>
    `POST /v1/forwards HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.json(), fc.string()), async (body) => {
      expect(await say(post(body))).toContain('CONTROL_INVALID');
    }),
    { numRuns: 50 },
  );
  expect(await say(post(`"${'x'.repeat(100_000)}"`))).toMatch(/CONTROL_INVALID|^$/);
  expect(await say('GET /v9/sandbox HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toContain(
    'CONTROL_UNKNOWN',
  );
  expect((await client.info()).forwards).toHaveLength(1);
});

test('slow clients are parted from, and keep nobody waiting', async () => {
  const slow = ['', 'GET /v1/sand', 'POST /v1/forwards HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{'];
  const sockets: Socket[] = [];
  const drips: NodeJS.Timeout[] = [];
  for (const start of slow) {
    const socket = connect(path).on('error', () => {});
    await once(socket, 'connect');
    socket.write(start);
    // One that says a little now and then is as slow.
    drips.push(setInterval(() => socket.write(' '), 500));
    sockets.push(socket);
  }
  expect(await isAnswering()).toBe(true);
  await Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
  for (const drip of drips) clearInterval(drip);
  expect(await isAnswering()).toBe(true);
}, 20_000);

test('fifty clients at once, and none of them leaves anything behind', async () => {
  const descriptors = (): number => readdirSync(`/proc/${web.process.pid}/fd`).length;
  const before = descriptors();
  const ports = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const { hostPort } = await client.expose({
        protocol: 'tcp',
        processPort: 3000,
        addresses: ['127.0.0.1'],
      });
      return hostPort;
    }),
  );
  expect(new Set(ports).size).toBe(50);
  expect((await client.info()).forwards).toHaveLength(51);
  await Promise.all(ports.map((hostPort) => client.close({ protocol: 'tcp', hostPort, processPort: 3000 })));
  expect((await client.info()).forwards).toHaveLength(1);
  expect(await eventually(() => descriptors() <= before)).toBe(true);
});

test('events are streamed to whoever listens', async () => {
  const listening = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of client.events(listening.signal)) {
      seen.push(event.type);
      if (event.type === 'closed') break;
    }
  })();
  // The stream is open as soon as its headers are here; until then nothing is promised.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { hostPort } = await client.expose({ protocol: 'tcp', processPort: 3000 });
  await client.close({ protocol: 'tcp', hostPort, processPort: 3000 });
  await reading;
  listening.abort();
  expect(seen).toEqual(['forward', 'closed']);
});

test('it is plain HTTP, which other programs speak too', async () => {
  const answered = Promise.withResolvers<string>();
  httpRequest({ socketPath: path, path: '/v1/sandbox' }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => (text += part));
    response.on('end', () => answered.resolve(text));
  }).end();
  expect(JSON.parse(await answered.promise)).toMatchObject({ name: 'web' });
});
