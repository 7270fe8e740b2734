import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { openRoom } from './room.js';

const page = await readFile(new URL('public/index.html', import.meta.url));

const server = createServer((request, response) => {
  if (request.url === '/') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
  } else if (request.url === '/health') {
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ people: room.size() }));
  } else {
    response.writeHead(404).end('not found\n');
  }
});

const room = openRoom(server, { path: '/chat' });

server.listen(process.env.PORT ?? 3000, () =>
  console.log(`chat: listening on port ${server.address().port}`),
);

process.on('SIGTERM', () => {
  console.log('chat: closing');
  room.close();
  server.close(() => console.log('chat: closed'));
});
