// Sockets with options that servers seldom give.
const net = require('node:net');
const os = require('node:os');
const fs = require('node:fs');
const path = require('node:path');
const { once } = require('node:events');

const closed = (server) => new Promise((resolve) => server.close(resolve));

/** A buffer of the app's own, and another one for each piece. */
const readIntoBuffers = async () => {
  const server = net.createServer((socket) => socket.end('0123456789abcdef'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  for (const isFresh of [false, true]) {
    const pieces = [];
    const buffers = [];
    const fresh = () => buffers[buffers.push(Buffer.alloc(isFresh && buffers.length % 2 === 1 ? 3 : 5)) - 1];
    const socket = net.connect({
      port: server.address().port,
      onread: {
        buffer: isFresh ? fresh : fresh(),
        callback(length, buffer) {
          pieces.push(
            `${length}:${buffer.subarray(0, length)}:${buffers.indexOf(Buffer.isBuffer(buffer) ? buffer : null)}`,
          );
          return true;
        },
      },
    });
    await once(socket, 'close');
    console.log(isFresh, pieces.join(' '), socket.bytesRead);
  }
  await closed(server);
};

/** What did not fit into the buffer waits until the app goes on; the end of the stream comes behind it. */
const pauseWithBuffer = async () => {
  const server = net.createServer((socket) => socket.end('0123456789abcdef'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pieces = [];
  const socket = net.connect({
    port: server.address().port,
    onread: {
      buffer: Buffer.alloc(6),
      callback(length, buffer) {
        pieces.push(`${buffer.subarray(0, length)}`);
        setTimeout(() => socket.resume(), 20);
        return false;
      },
    },
  });
  await once(socket, 'end');
  console.log(pieces.join(' '), socket.bytesRead);
  await closed(server);
};

/** Two listeners on one port, where both want that; else the second is refused. */
const sharePorts = async () => {
  for (const reusePort of [true, false]) {
    const first = net.createServer().listen({ port: 0, host: '127.0.0.1', reusePort });
    await once(first, 'listening');
    const second = net.createServer();
    second.listen({ port: first.address().port, host: '127.0.0.1', reusePort });
    const outcome = await Promise.race([
      once(second, 'listening').then(() => 'listening'),
      new Promise((resolve) => second.on('error', ({ code }) => resolve(code))),
    ]);
    console.log('reusePort', reusePort, outcome);
    await closed(first);
    if (outcome === 'listening') await closed(second);
  }
};

const bindIpv6 = async () => {
  for (const ipv6Only of [true, false]) {
    const server = net.createServer().listen({ port: 0, host: '::', ipv6Only });
    await once(server, 'listening');
    const socket = net.connect(server.address().port, '127.0.0.1');
    const outcome = await new Promise((resolve) => {
      socket.on('connect', () => resolve('connected'));
      socket.on('error', ({ code }) => resolve(code));
    });
    console.log('ipv6Only', ipv6Only, outcome);
    socket.destroy();
    await closed(server);
  }
};

const connectToPaths = async () => {
  const directory = fs.mkdtempSync('/tmp/sockets-');
  const file = path.join(directory, 'file');
  fs.writeFileSync(file, '');
  for (const name of [file, path.join(directory, 'nothing')]) {
    const [error] = await once(net.connect(name), 'error').catch((thrown) => [thrown]);
    console.log(error?.code, error?.syscall, error?.address === name);
  }
  fs.rmSync(directory, { recursive: true });
};

(async () => {
  await readIntoBuffers();
  await pauseWithBuffer();
  await sharePorts();
  await bindIpv6();
  await connectToPaths();
  const loopback = Object.values(os.networkInterfaces())
    .flat()
    .filter(({ internal }) => internal);
  for (const { address, netmask, family, mac, cidr, scopeid } of loopback)
    console.log(address, netmask, family, mac, cidr, scopeid);
  console.log(os.totalmem() > 2 ** 26, os.freemem() > 2 ** 20, process.availableMemory() > 2 ** 20);
})();
