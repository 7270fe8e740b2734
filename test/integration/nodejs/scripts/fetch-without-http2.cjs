'use strict';
/** `fetch` from a server that would rather speak HTTP/2; CERTIFICATES as in tls.cjs. */
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const tls = require('node:tls');
const { tell } = require('./tell.cjs');

const read = (name) => readFileSync(join(process.env.CERTIFICATES, name));

const main = async () => {
  tls.setDefaultCACertificates([read('ca.pem').toString()]);
  const identity = { key: read('server.key'), cert: read('server.pem') };
  const server = tls.createServer({ ...identity, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
    tell('protocol', socket.alpnProtocol);
    socket.once('data', () => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const response = await fetch(`https://localhost:${server.address().port}/`);
  tell('answer', [response.status, await response.text()]);
  server.close();
};

main();
