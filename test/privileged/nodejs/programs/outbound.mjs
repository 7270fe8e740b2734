/** Tells how each way out ends; the address and port of a server of HTTP are its arguments. */
import { createSocket } from 'node:dgram';
import { get } from 'node:http';
import { connect } from 'node:net';

const [, , address, port] = process.argv;
const base = `${address}:${port}`;

const ways = {
  fetch: async () => (await fetch(`http://${base}/`)).text(),
  http: () =>
    new Promise((resolve, reject) => {
      get(`http://${base}/`, (response) => {
        response.setEncoding('utf8').on('data', resolve);
      }).on('error', reject);
    }),
  net: () =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), address, () => resolve(socket.end() && 'connected')).on(
        'error',
        reject,
      );
    }),
  name: () => fetch('http://no-such-name.test/'),
  udp: () =>
    new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      socket.send('x', 53, address, (error) => {
        socket.close();
        if (error === null) resolve('sent');
        else reject(error);
      });
    }),
};

for (const [name, way] of Object.entries(ways)) {
  await way().then(
    (answer) => console.log(name, answer),
    (error) => console.log(name, error.message, error.cause?.code ?? error.code),
  );
}
