'use strict';
/** Says hello by TLS on port 3000, to clients with a certificate by name; CERTIFICATES as in the tests of TLS. */
const { readFileSync } = require('node:fs');
const { createServer } = require('node:https');
const { join } = require('node:path');

const read = (name) => readFileSync(join(process.env.CERTIFICATES, name));
const options = {
  key: read('server.key'),
  cert: read('server.pem'),
  ca: read('ca.pem'),
  requestCert: true,
  rejectUnauthorized: false,
};
createServer(options, ({ socket }, response) => {
  const who = socket.authorized ? socket.getPeerCertificate().subject.CN : 'somebody';
  response.end(`hello ${who} by ${socket.getProtocol()} at ${socket.servername}`);
}).listen(3000);
