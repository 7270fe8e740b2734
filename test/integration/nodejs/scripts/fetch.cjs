/* oxlint-disable unicorn/no-invalid-fetch-options */
'use strict';
/** `fetch` and what belongs to it, against servers of the script's own. */
const http = require('node:http');
const net = require('node:net');
const zlib = require('node:zlib');
const { tell, attempt, attemptLater } = require('./tell.cjs');

const connections = new Set();
let late;

const answers = {
  '/text': (_, response) => response.setHeader('X-Two', ['a', 'b']).end('some text'),
  '/json': (_, response) => response.setHeader('Content-Type', 'application/json').end('{"a":[1,2]}'),
  '/echo': async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { 'content-type': type, 'content-length': length, 'transfer-encoding': coding } = request.headers;
    response.end(
      JSON.stringify({
        method: request.method,
        type: type?.replace(/boundary=.*/u, 'boundary'),
        length,
        coding,
        body: Buffer.concat(parts).toString('latin1').slice(0, 200),
      }),
    );
  },
  '/upload': async (request, response) => {
    let size = 0;
    for await (const part of request) size += part.length;
    response.end(String(size));
  },
  '/redirect': (_, response) => response.writeHead(302, { Location: '/text' }).end(),
  '/see-other': (_, response) => response.writeHead(303, { Location: '/echo' }).end(),
  '/circle': (_, response) => response.writeHead(307, { Location: '/circle' }).end(),
  '/gzip': (_, response) =>
    response.setHeader('Content-Encoding', 'gzip').end(zlib.gzipSync('x'.repeat(10_000))),
  '/brotli': (_, response) =>
    response.setHeader('Content-Encoding', 'br').end(zlib.brotliCompressSync('brotli')),
  '/deflate': (_, response) =>
    response.setHeader('Content-Encoding', 'deflate').end(zlib.deflateSync('deflate')),
  '/large': (_, response) => response.end(Buffer.alloc(3_000_000, 'large')),
  '/pieces': (_, response) => {
    let count = 0;
    const next = () => {
      response.write(`piece ${count} `);
      count += 1;
      if (count === 5) response.end('end');
      else setTimeout(next, 2);
    };
    next();
  },
  '/never': (request) => request.socket.on('close', () => late?.()),
  '/half': (_, response) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('half', () => response.socket.destroy());
  },
  '/nothing': (_, response) => response.writeHead(204).end(),
  '/error': (_, response) => response.writeHead(500, 'Very Wrong').end('wrong'),
  '/cookies': (_, response) => response.setHeader('Set-Cookie', ['a=1', 'b=2']).end(),
};

const failure = (error) => ({
  name: error.name,
  message: error.message,
  code: error.code,
  cause: error.cause && { name: error.cause.name, code: error.cause.code, syscall: error.cause.syscall },
});

const failing = (name, action) =>
  action().then(
    (value) => tell(name, ['no error', value]),
    (error) => tell(name, failure(error)),
  );

const readable = (...parts) =>
  new ReadableStream({
    async pull(controller) {
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });

const responses = async (base) => {
  const response = await fetch(`${base}/text`);
  tell('response', [
    response.status,
    response.ok,
    response.statusText,
    response.type,
    response.redirected,
    response.headers.get('x-two'),
    response.bodyUsed,
  ]);
  tell('text', await response.text());
  await failing('text again', () => response.text());
  await attemptLater('json', async () => (await fetch(`${base}/json`)).json());
  await attemptLater('bytes', async () => (await fetch(`${base}/text`)).bytes());
  await attemptLater('buffer', async () => new Uint8Array(await (await fetch(`${base}/text`)).arrayBuffer()));
  await attemptLater('blob', async () => {
    const blob = await (await fetch(`${base}/json`)).blob();
    return [blob.size, blob.type, await blob.text(), await blob.slice(2, 5).text()];
  });
  await attemptLater('pieces', async () => {
    let text = '';
    for await (const part of (await fetch(`${base}/pieces`)).body) text += Buffer.from(part).toString();
    return text;
  });
  await attemptLater('large', async () => (await (await fetch(`${base}/large`)).text()).length);
  await attemptLater('status', async () => {
    const { status, statusText, ok } = await fetch(`${base}/error`);
    return [status, statusText, ok];
  });
  await attemptLater('no content', async () => [(await fetch(`${base}/nothing`)).body]);
  await attemptLater('cookies', async () => (await fetch(`${base}/cookies`)).headers.getSetCookie());
  await attemptLater('head', async () => (await fetch(`${base}/text`, { method: 'HEAD' })).text());
  await attemptLater('clone', async () => {
    const first = await fetch(`${base}/text`);
    const second = first.clone();
    return [await first.text(), await second.text()];
  });
};

const bodies = async (base) => {
  const post = async (body, more = {}) =>
    (await fetch(`${base}/echo`, { method: 'POST', body, ...more })).json();
  await attemptLater('post text', () => post('déjà vu'));
  await attemptLater('post bytes', () => post(Uint8Array.of(1, 2, 255)));
  await attemptLater('post parameters', () => post(new URLSearchParams({ a: '1 2', b: 'é' })));
  await attemptLater('post blob', () => post(new Blob(['one', 'two'], { type: 'text/x-blob' })));
  await attemptLater('post stream', () => post(readable('one ', 'two'), { duplex: 'half' }));
  await attemptLater('post form', async () => {
    const form = new FormData();
    form.append('field', 'value');
    form.append('file', new File(['content'], 'name.txt', { type: 'text/plain' }));
    const { type, body } = await post(form);
    return [type, body.replaceAll(/-{4,}[\w-]*/gu, 'boundary')];
  });
  await attemptLater('put', () => post('x', { method: 'PUT', headers: { 'Content-Type': 'text/x-mine' } }));
  await attemptLater('upload', async () =>
    (await fetch(`${base}/upload`, { method: 'POST', body: Buffer.alloc(2_000_000) })).text(),
  );
  await failing('get with body', () => fetch(base, { body: 'x' }));
  await attemptLater('request', async () => {
    const request = new Request(`${base}/echo`, {
      method: 'PATCH',
      body: '{}',
      headers: [['content-type', 'application/json']],
    });
    return [request.method, request.url.replace(base, ''), await (await fetch(request)).json()];
  });
  await attemptLater('parsed form', async () => {
    const form = new FormData();
    form.append('a', 'b');
    form.append('f', new File(['12345'], 'f.bin'));
    const parsed = await new Response(form).formData();
    return [...parsed.entries()].map(([name, value]) => [
      name,
      typeof value === 'string' ? value : [value.name, value.size],
    ]);
  });
};

const redirects = async (base) => {
  await attemptLater('redirect', async () => {
    const response = await fetch(`${base}/redirect`);
    return [response.status, response.redirected, response.url.replace(base, ''), await response.text()];
  });
  await attemptLater('see other', async () =>
    (await fetch(`${base}/see-other`, { method: 'POST', body: 'x' })).json(),
  );
  await attemptLater('manual', async () => {
    const response = await fetch(`${base}/redirect`, { redirect: 'manual' });
    return [response.status, response.headers.get('location')];
  });
  await failing('redirect refused', () => fetch(`${base}/redirect`, { redirect: 'error' }));
  await failing('circle', () => fetch(`${base}/circle`));
  for (const coding of ['gzip', 'brotli', 'deflate']) {
    await attemptLater(coding, async () => (await (await fetch(`${base}/${coding}`)).text()).length);
  }
};

const endings = async (base) => {
  const ended = new Promise((resolve) => (late = resolve));
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 20);
  await failing('abort', () => fetch(`${base}/never`, { signal: abort.signal }));
  await attemptLater('the server sees it', () => ended.then(() => 'closed'));
  await failing('aborted with reason', () =>
    fetch(`${base}/never`, { signal: AbortSignal.abort(new RangeError('mine')) }),
  );
  await failing('timeout', () => fetch(`${base}/never`, { signal: AbortSignal.timeout(20) }));
  await failing('half', async () => (await fetch(`${base}/half`)).text());
  await attemptLater('cancelled', async () => {
    const response = await fetch(`${base}/large`);
    const reader = response.body.getReader();
    await reader.read();
    await reader.cancel();
    return response.bodyUsed;
  });
  await failing('bad url', () => fetch('not a url'));
  await failing('bad scheme', () => fetch('gopher://localhost/'));
  await failing('bad header', () => fetch(base, { headers: { 'a b': 'c' } }));
  await failing('bad method', () => fetch(base, { method: 'TRACE' }));
  await attemptLater('data', async () => (await fetch('data:text/plain;base64,SGk=')).text());
  await attemptLater('object url', async () =>
    (await fetch(URL.createObjectURL(new Blob(['object'])))).text(),
  );
};

const strangers = async () => {
  const free = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => free.once('listening', resolve));
  const { port } = free.address();
  await new Promise((resolve) => free.close(resolve));
  await failing('refused', () => fetch(`http://127.0.0.1:${port}/`));
  for (const [name, text] of [
    ['garbage', 'garbage\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc'],
    ['hang up', ''],
  ]) {
    const server = net.createServer((socket) =>
      socket.on('error', () => {}).once('data', () => socket.end(text)),
    );
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    await failing(name, async () => (await fetch(`http://127.0.0.1:${server.address().port}/`)).text());
    server.close();
  }
};

const objects = () => {
  const headers = new Headers({ B: '2', a: '1' });
  headers.append('b', '3');
  tell('headers', [...headers]);
  attempt('guarded', () => new Response('x', { status: 99 }));
  tell('response json', [Response.json({ a: 1 }).headers.get('content-type'), Response.error().type]);
  tell(
    'tags',
    [Request, Response, Headers, FormData, Blob, File].map((each) => [
      each.name,
      each.length,
      Object.prototype.toString.call(each.prototype),
    ]),
  );
};

const main = async () => {
  const server = http.createServer((request, response) => {
    connections.add(request.socket);
    (answers[request.url] ?? answers['/text'])(request, response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${server.address().port}`;
  for (let count = 0; count < 5; count += 1) await (await fetch(`${base}/text`)).text();
  tell('connections of five in a row', connections.size);
  const many = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => (await fetch(`${base}/text?${index}`)).text()),
  );
  tell('twenty at once', new Set(many).size);
  await responses(base);
  await bodies(base);
  await redirects(base);
  await endings(base);
  await strangers();
  objects();
  server.closeAllConnections();
  server.close();
};

void main();
