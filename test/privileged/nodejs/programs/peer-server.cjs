// Tells whoever connects who it is, and on which of its ports.
const { createServer } = require('node:net');

const [, , name] = process.argv;
const ports = [5432, 8080];
let listening = 0;
for (const port of ports) {
  createServer((socket) => socket.on('error', () => {}).end(`${name} ${port}`)).listen(port, () => {
    listening += 1;
    if (listening === ports.length) console.log(`${name} is ready`);
  });
}
