import { WebSocket, WebSocketServer } from 'ws';

/** How many messages a newcomer is shown. */
const REMEMBERED = 50;
/** Who does not answer a ping for so long, in ms, is gone. */
const PATIENCE = 30_000;
/** RFC 6455, 7.4.1: an endpoint is going away. */
const GOING_AWAY = 1001;

/** A room that everybody enters who opens a WebSocket on `path` of the server. */
export function openRoom(server, { path }) {
  const sockets = new WebSocketServer({ server, path, maxPayload: 16 * 1024 });
  const history = [];

  const tell = (message) => {
    history.push(message);
    if (history.length > REMEMBERED) history.shift();
    const text = JSON.stringify(message);
    for (const socket of sockets.clients) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    }
  };

  sockets.on('connection', (socket, request) => {
    const name = new URL(request.url, 'http://chat').searchParams.get('name')?.slice(0, 30) || 'somebody';
    socket.isAlive = true;
    socket.on('pong', () => (socket.isAlive = true));
    socket.on('error', () => socket.terminate());
    socket.on('message', (data) => tell({ from: name, text: data.toString() }));
    socket.on('close', () => tell({ text: `${name} has left` }));
    for (const message of history) socket.send(JSON.stringify(message));
    tell({ text: `${name} is here` });
  });

  const heartbeat = setInterval(() => {
    for (const socket of sockets.clients) {
      if (!socket.isAlive) socket.terminate();
      socket.isAlive = false;
      socket.ping();
    }
  }, PATIENCE);

  return {
    size: () => sockets.clients.size,
    close() {
      clearInterval(heartbeat);
      for (const socket of sockets.clients) socket.close(GOING_AWAY, 'the server is closing');
      sockets.close();
    },
  };
}
