'use strict';
/** The client of WebSocket, against a server that knows just enough (RFC 6455). */
const http = require('node:http');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const { tell } = require('./tell.cjs');

const KEY = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Short frames that are masked, as clients send them. */
const readFrame = (bytes) => {
  const length = bytes[1] & 0x7f;
  const mask = bytes.subarray(2, 6);
  const payload = Buffer.from(bytes.subarray(6, 6 + length)).map((byte, index) => byte ^ mask[index % 4]);
  return { code: bytes[0] & 0x0f, payload, rest: bytes.subarray(6 + length) };
};

const frame = (code, payload) => Buffer.concat([Buffer.from([0x80 | code, payload.length]), payload]);

const serve = (request, socket) => {
  const accept = createHash('sha1')
    .update(request.headers['sec-websocket-key'] + KEY)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    for (let rest = bytes; rest.length > 0;) {
      const { code, payload, rest: next } = readFrame(rest);
      socket.write(frame(code, payload));
      if (code === 8) socket.end();
      rest = next;
    }
  });
};

const main = async () => {
  const server = http.createServer((_, response) => response.writeHead(404).end());
  server.on('upgrade', (request, socket) =>
    request.url === '/echo' ? serve(request, socket) : socket.end('HTTP/1.1 400 No\r\n\r\n'),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const base = `ws://127.0.0.1:${server.address().port}`;
  const client = new WebSocket(`${base}/echo`);
  client.binaryType = 'arraybuffer';
  const [opened] = await once(client, 'open');
  tell('open', [opened.type, client.readyState, client.protocol]);
  client.send('some text');
  tell('text', (await once(client, 'message'))[0].data);
  client.send(new Uint8Array([1, 2, 3]));
  tell('bytes', new Uint8Array((await once(client, 'message'))[0].data));
  const closed = once(client, 'close');
  client.close(1000, 'done');
  const [{ code, reason, wasClean }] = await closed;
  tell('close', [code, reason, wasClean, client.readyState]);
  const refused = new WebSocket(`${base}/other`);
  const [error] = await once(refused, 'error');
  tell('refused', [error.type, error.message, error.constructor.name]);
  server.close();
  server.closeAllConnections();
};

void main();
