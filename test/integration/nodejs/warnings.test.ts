/** What a program is told about itself on its error output, and what ends it: the same as in plain Node. */
import { expect, it } from 'vitest';
import { expectSame } from '../../helpers/same-output.ts';

/** Frames of stacks are not alike: methods stand without their class. */
const withoutFrames = (text: string): string =>
  text.replaceAll(/^ +at .*\n/gm, '').replaceAll(/^ *\^+\n/gm, '');

const DEPRECATED = `
  exports.parse = () => require('node:url').parse('http://a/b').pathname;
  exports.allocate = () => new Buffer(3).length;`;

it('deprecated calls are told of where they stand in the app, and not in its packages', async () => {
  const files = {
    'node_modules/old/package.json': { name: 'old' },
    'node_modules/old/index.js': DEPRECATED,
    'own.js': DEPRECATED,
    'package.js': `const old = require('old'); console.log(old.parse(), old.allocate());`,
    'app.js': `const own = require('./own.js'); console.log(own.parse(), own.allocate());`,
  };
  expect((await expectSame(files, 'package.js')).stderr).toBe('');
  expect((await expectSame(files, 'app.js')).stderr).toMatch(/DEP0169[^]*DEP0005/);
});

it('what a request handler throws ends the app with a report of it', async () => {
  const output = await expectSame(
    {
      'server.js': `
        const http = require('node:http');
        const server = http.createServer((request, response) => {
          process.nextTick(() => console.log('a tick of who throws'));
          response.end(request.nothing.there);
        });
        process.on('exit', (status) => console.log('exit', status));
        server.listen(0, '127.0.0.1', () => http.get({ port: server.address().port, host: '127.0.0.1' }));`,
    },
    'server.js',
    { change: withoutFrames },
  );
  expect(output.status).toBe(1);
  expect(output.stderr).toContain("TypeError: Cannot read properties of undefined (reading 'there')");
});

it('flags of the command line reach modules that a snapshot has loaded already', async () => {
  const server = `
    const http = require('node:http');
    const net = require('node:net');
    console.log(typeof EventSource);
    const server = http.createServer((request, response) => response.end(request.headers.odd));
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1');
      socket.setEncoding('latin1').on('data', (text) => console.log(text.split('\\r\\n')[0]));
      socket.on('close', () => server.close());
      socket.end('GET / HTTP/1.1\\r\\nHost: a\\r\\nOdd: a\\bb\\r\\nConnection: close\\r\\n\\r\\n');
    });`;
  const flags = ['--insecure-http-parser', '--experimental-eventsource'];
  const lenient = await expectSame({ 'server.js': server }, 'server.js', { flags });
  expect(lenient.stdout).toBe('function\nHTTP/1.1 200 OK\n');
  expect(lenient.stderr).toContain('Using insecure HTTP parsing');
  const strict = await expectSame({ 'server.js': server }, 'server.js');
  expect(strict.stdout).toBe('undefined\nHTTP/1.1 400 Bad Request\n');
});
