// Tries what a request names: /lookup/HOST, /connect/HOST:PORT, /datagram/HOST:PORT.
const { createSocket } = require('node:dgram');
const { lookup } = require('node:dns').promises;
const { createServer } = require('node:http');
const { connect } = require('node:net');

const attempts = {
  lookup: async (host) => (await lookup(host)).address,
  connect: (host, port) =>
    new Promise((resolve, reject) => {
      let text = '';
      connect(port, host)
        .on('data', (chunk) => (text += chunk))
        .on('end', () => resolve(text))
        .on('error', reject);
    }),
  datagram: (host, port) =>
    new Promise((resolve, reject) => {
      const socket = createSocket('udp4').on('error', reject);
      socket.connect(port, host, (error) => (error ? reject(error) : resolve('connected')));
    }),
};

createServer(async (request, response) => {
  const [, how, host, port] = /^\/(\w+)\/([^:]+):?(\d*)$/.exec(request.url);
  response.end(await attempts[how](host, Number(port)).catch(({ code }) => code));
}).listen(3000);
