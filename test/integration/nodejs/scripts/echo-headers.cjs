'use strict';
/** Answers with what it understood of a request; its port is printed. */
const http = require('node:http');

const server = http.createServer((request, response) => {
  const chunks = [];
  request
    .on('data', (chunk) => chunks.push(chunk))
    .on('error', () => {})
    .on('end', () => {
      const { method, url, headers, rawHeaders, headersDistinct, trailers } = request;
      const injected = [];
      for (const value of ['a\r\nInjected: 1', 'a\nb', 'a\0b', '\u20ac']) {
        try {
          response.setHeader('x', value);
          injected.push(value);
        } catch ({ code }) {
          injected.push(code);
        }
      }
      response.removeHeader('x');
      response.setHeader('Date', 'now');
      response.end(
        JSON.stringify({
          method,
          url,
          headers,
          raw: rawHeaders.length,
          distinct: Object.keys(headersDistinct),
          trailers,
          prototype: Object.getPrototypeOf(headers) === Object.prototype,
          polluted: {}.polluted,
          body: Buffer.concat(chunks).toString('latin1'),
          injected,
        }),
      );
    });
});
server.on('clientError', ({ code }, socket) => socket.end(`HTTP/1.1 400 Bad\r\n\r\n${code}`));
server.keepAliveTimeout = 100;
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
