'use strict';
/** Ends by itself: what only waits for a socket that is gone keeps no program alive. */
const net = require('node:net');

const server = net.createServer((socket) => socket.setTimeout(3_600_000).end('bye'));
server.listen(0, '127.0.0.1', () => {
  const client = net.connect(server.address().port, '127.0.0.1').setTimeout(3_600_000);
  client.on('data', (data) => console.log(String(data)));
  client.on('close', () => {
    server.close();
    for (const line of ['closed', 'no timer', 'of ours', 'is left']) console.log(line);
  });
});
