/** Tells how HTTPS to an address and port, its arguments, ends; CERTIFICATES as in the tests of TLS. */
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';

const [, , address, port] = process.argv;
const url = `https://${address}:${port}/`;

const ask = (options) =>
  new Promise((resolve) => {
    get(url, options, (response) => response.setEncoding('utf8').on('data', resolve)).on(
      'error',
      ({ code }) => resolve(code),
    );
  });

console.log('trusting', await ask({ ca: readFileSync(join(process.env.CERTIFICATES, 'ca.pem')) }));
console.log('usual', await ask({}));
console.log('fetch', await fetch(url).catch(({ cause }) => cause.code));
console.log('extra', getCACertificates('extra').length);
