'use strict';
/** `https` and `fetch` against servers of the script's own; CERTIFICATES as in tls.cjs. */
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const https = require('node:https');
const { join } = require('node:path');
const tls = require('node:tls');
const { tell, attemptLater } = require('./tell.cjs');

const read = (name) => readFileSync(join(process.env.CERTIFICATES, name));
const ca = read('ca.pem');

/** Status, headers that are the same each time, text. */
const request = (options, body) =>
  new Promise((resolve, reject) => {
    const asked = https.request({ host: 'localhost', ca, ...options }, async (response) => {
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      resolve([response.statusCode, response.headers['content-type'], text, asked.reusedSocket]);
    });
    asked.on('error', reject).end(body);
  });

const main = async () => {
  const server = https.createServer({ key: read('server.key'), cert: read('server.pem') });
  server.on('request', async (message, response) => {
    let size = 0;
    for await (const part of message) size += part.length;
    response.setHeader('Content-Type', 'text/plain');
    if (message.url === '/large') response.end('x'.repeat(2_000_000));
    else response.end(`${message.method} ${message.url} ${size} ${message.socket.encrypted}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await attemptLater('get', () => request({ port, path: '/a' }));
  await attemptLater('post', () => request({ port, method: 'POST' }, Buffer.alloc(1_000_000)));
  await attemptLater('large', async () => (await request({ port, path: '/large' }))[2].length);
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  for (const path of ['/1', '/2', '/3']) await attemptLater('kept', () => request({ port, path, agent }));
  agent.destroy();
  await attemptLater('unknown authority', () => request({ port, ca: undefined }));
  await attemptLater('not rejected', () => request({ port, ca: undefined, rejectUnauthorized: false }));
  await attemptLater('fetch', async () => {
    const error = await fetch(`https://localhost:${port}/`).catch((thrown) => thrown);
    return [error.message, error.cause?.code];
  });
  tell('authorities', [tls.getCACertificates('extra'), tls.getCACertificates().length > 100]);
  tls.setDefaultCACertificates([ca.toString()]);
  tell('authorities', tls.getCACertificates().length);
  await attemptLater('known authority', () => request({ port, ca: undefined, agent: false }));
  await attemptLater('no certificate', () => tls.setDefaultCACertificates(['nothing']));
  tls.setDefaultCACertificates([]);
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  process.removeAllListeners('warning');
  await attemptLater('fetch anyway', async () => {
    const answer = await fetch(`https://localhost:${port}/f`, { method: 'POST', body: 'four' });
    return [answer.status, await answer.text()];
  });
  tell(
    'parallel',
    await Promise.all(Array.from({ length: 30 }, (_, at) => request({ port, path: `/${at}` }))),
  );
  server.closeAllConnections();
  server.close();
};

main();
