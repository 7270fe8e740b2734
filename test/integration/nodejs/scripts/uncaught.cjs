// Errors that nobody catches but the handler of the process: where they come from, and what goes on after them.
const http = require('node:http');
const net = require('node:net');
const { once } = require('node:events');

const steps = [];
process.on('uncaughtException', (error, origin) => steps.push(`${origin}: ${error.message}`));

const until = async (isThere) => {
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 20));
};

/** Ticks of who throws wait until the next call from outside. */
const throwInImmediates = async () => {
  for (const number of [1, 2, 3]) {
    setImmediate(() => {
      steps.push(`immediate ${number}`);
      process.nextTick(() => steps.push(`tick of immediate ${number}`));
      queueMicrotask(() => steps.push(`job of immediate ${number}`));
      if (number === 2) throw new Error('in an immediate');
    });
  }
  await until(() => steps.length === 10);
};

const throwInTimers = async () => {
  for (const number of [1, 2, 3]) {
    setTimeout(() => {
      steps.push(`timer ${number}`);
      process.nextTick(() => steps.push(`tick of timer ${number}`));
      if (number === 2) throw new Error('in a timer');
    }, 5);
  }
  // All are due at once.
  for (const start = performance.now(); performance.now() < start + 20;);
  await until(() => steps.length === 17);
};

const exchange = async (port, text) => {
  const socket = net.connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  let answer = '';
  socket.on('data', (part) => (answer += part));
  const before = steps.length;
  socket.write(text);
  await until(() => answer !== '' || steps.length > before);
  socket.destroy();
  await once(socket, 'close');
  return answer.split('\r\n')[0];
};

/** Every callback of a server: what it throws ends nothing but its own request. */
const throwInServer = async () => {
  const server = http.createServer((request, response) => {
    if (request.url === '/head') throw new Error('in a request');
    request.resume();
    request.on('end', () => {
      if (request.url === '/end') throw new Error('at the end of a body');
      response.end('fine');
    });
  });
  server.on('upgrade', () => {
    throw new Error('in an upgrade');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  for (const path of ['/head', '/end', '/fine']) {
    const body = 'Content-Length: 4\r\n\r\nbody';
    steps.push(`${path}: ${await exchange(port, `POST ${path} HTTP/1.1\r\nHost: a\r\n${body}`)}`);
  }
  await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  server.close();
};

const throwInSocket = async () => {
  const server = net.createServer((socket) => {
    socket.on('data', (bytes) => {
      throw new Error(`in data: ${bytes}`);
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await exchange(server.address().port, 'hello');
  server.close();
};

(async () => {
  await throwInImmediates();
  await throwInTimers();
  await throwInServer();
  await throwInSocket();
  console.log(steps.join('\n'));
})();
