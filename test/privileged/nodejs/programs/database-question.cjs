// Asks a database whether it speaks TLS (PostgreSQL 55.7, SSLRequest), and passes on the one byte it answers.
const { createServer } = require('node:http');
const { connect } = require('node:net');

const { hostname, port } = new URL(process.env.DATABASE_URL);

createServer((request, response) => {
  const socket = connect(port, hostname);
  socket.on('error', ({ code }) => response.end(code)).write(Buffer.from('0000000804d2162f', 'hex'));
  socket.on('data', (answer) => response.end(String(answer)) && socket.destroy());
}).listen(3000);
