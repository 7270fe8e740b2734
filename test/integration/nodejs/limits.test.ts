/** What a guest of Node.js cannot do to the engine: use up its memory or its stack, keep it from ending. */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { printedByGuest, startNodeGuest } from '../../helpers/node-guest.ts';

const MEBIBYTE = 1024 * 1024;
const MEMORY = 64 * MEBIBYTE;

const run = async (source: string, memory = MEMORY): Promise<string> => {
  await using app = await writeAppDirectory({ 'app.cjs': source });
  return await printedByGuest({ directory: app.path, script: 'app.cjs', memory });
};

/** How a script that does not catch its error ends. */
const end = async (source: string): Promise<{ status: number | null; stderr: string; message: unknown }> => {
  await using app = await writeAppDirectory({ 'app.cjs': source });
  await using guest = startNodeGuest({ directory: app.path, script: 'app.cjs', memory: MEMORY });
  const { status, end: message } = await guest.ended;
  return { status, stderr: guest.stderr(), message };
};

describe('memory', () => {
  test.each([
    ['objects', 'for (;;) kept.push({ a: 1 })'],
    ['buffers', 'for (;;) kept.push(Buffer.alloc(100_000))'],
    ['texts', "for (let n = 0; ; n += 1) kept.push('x'.repeat(100_000) + n)"],
    ['a map', 'const map = new Map(); kept.push(map); for (let n = 0; ; n += 1) map.set(n, n)'],
    ['what the engine brings', "for (;;) kept.push(require('node:fs').readFileSync(__filename + '.bin'))"],
  ])('used up by %s can be caught, and the app goes on', async (_, fill) => {
    await using app = await writeAppDirectory({
      'app.cjs': `let kept = [];
        try { ${fill}; } catch (error) { kept = undefined; console.log(error.name, error.message); }
        setTimeout(() => console.log('and on', new Array(1e6).fill(1).length), 1);`,
      'app.cjs.bin': 'x'.repeat(1_000_000),
    });
    const printed = await printedByGuest({ directory: app.path, script: 'app.cjs', memory: MEMORY });
    expect(printed).toBe('InternalError out of memory\nand on 1000000\n');
  });

  test('used up and not caught ends the app as Node ends for any error, with advice', async () => {
    const { status, stderr } = await end('globalThis.kept = []; for (;;) kept.push({ a: 1 })');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^InternalError: out of memory$/m);
    expect(stderr).toMatch(/--memory SIZE$/m);
  });

  test('that only garbage fills is given back', async () => {
    const cycles = 'for (let n = 0; n < 1e6; n += 1) { const one = { list: new Array(50) }; one.one = one; }';
    expect(await run(`${cycles} console.log('done')`)).toBe('done\n');
  });

  test('that grows while something is brought to it is no matter', async () => {
    await using app = await writeAppDirectory({
      'app.cjs': `const kept = [];
        require('node:http').createServer((request, response) => {
          request.on('data', (bytes) => kept.push(request.headers, bytes));
          request.on('end', () => response.end(kept.at(-1)));
        }).listen(0, '127.0.0.1', function () { console.log('port', this.address().port); });`,
    });
    await using guest = startNodeGuest({ directory: app.path, script: 'app.cjs', memory: MEMORY });
    await guest.printed('\n');
    const url = `http://127.0.0.1:${/port (\d+)/.exec(guest.stdout())![1]}`;
    // Small bodies behind large heads: it grows, 64 KiB at a time, while the texts before a body are made.
    for (let count = 0; count < 1000; count += 1) {
      const headers = { large: String(count % 10).repeat(9000 + count) };
      const answer = await fetch(url, { method: 'POST', headers, body: `body ${count}` });
      expect(await answer.text()).toBe(`body ${count}`);
    }
  });

  test('of the engine is bounded, too, for what nobody reads', async () => {
    await using app = await writeAppDirectory({
      'app.cjs': `const net = require('node:net');
        const piece = Buffer.alloc(20e6);
        const server = net.createServer((socket) => {
          socket.on('error', (error) => { console.log(error.code); process.exit(0); });
          socket.write(piece);
        }).listen(0, '127.0.0.1', () => console.log('port', server.address().port));`,
    });
    await using guest = startNodeGuest({ directory: app.path, script: 'app.cjs', memory: MEMORY });
    await guest.printed('\n');
    const port = Number(/port (\d+)/.exec(guest.stdout())![1]);
    const clients = Array.from({ length: 8 }, () =>
      connect(port, '127.0.0.1')
        .pause()
        .on('error', () => {}),
    );
    await guest.ended;
    for (const client of clients) client.destroy();
    expect(guest.stdout()).toMatch(/^port \d+\nENOBUFS\n$/);
  });
});

test('what recurses without end ends in an error that can be caught', async () => {
  const source = await readFile(new URL('programs/stack-cases.cjs', import.meta.url), 'utf8');
  const lines = (await run(source, 256 * MEBIBYTE)).trim().split('\n');
  expect(lines.pop()).toBe('the end');
  for (const line of lines) {
    expect(line).toMatch(/^\w+ (RangeError|SyntaxError|InternalError|done) \{"sound":\[1,"a",null\]\}$/);
  }
  expect(lines.length).toBeGreaterThan(40);
}, 240_000);

test('recursion goes about as deep as in Node', async () => {
  const depth = Number(
    await run(
      'let n = 0; const call = () => { n += 1; return call() + 1; }; try { call(); } catch {} console.log(n)',
    ),
  );
  expect(depth).toBeGreaterThan(7000);
});
