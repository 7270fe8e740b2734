'use strict';
/** Sockets of UDP, lists of addresses. */
const dgram = require('node:dgram');
const { once } = require('node:events');
const { BlockList, SocketAddress } = require('node:net');
const { inspect } = require('node:util');
const { tell, attempt, attemptLater } = require('./tell.cjs');

const bound = async (options, ...place) => {
  const socket = dgram.createSocket(options);
  socket.bind(...place);
  await once(socket, 'listening');
  return socket;
};

const main = async () => {
  const server = await bound('udp4', 0, '127.0.0.1');
  const { address, family, port } = server.address();
  tell('address', [address, family, port > 0]);
  server.on('message', (message, from) => server.send(`answer to ${message}`, from.port, from.address));
  const client = dgram.createSocket('udp4');
  const send = (...values) =>
    new Promise((resolve) => client.send(...values, (error, length) => resolve([error?.code, length])));
  const heard = async () => {
    const [message, from] = await once(client, 'message');
    return [
      Buffer.isBuffer(message),
      String(message),
      from.address,
      from.family,
      from.port === port,
      from.size,
    ];
  };
  let answer = heard();
  tell('sent', await send('one', port, '127.0.0.1'));
  tell('answer', await answer);
  answer = heard();
  tell('parts', await send([Buffer.from('two'), new Uint8Array([65, 66])], port, '127.0.0.1'));
  tell('answer', await answer);
  answer = heard();
  tell('slice', await send(Buffer.from('abcdef'), 2, 3, port, 'localhost'));
  tell('answer', await answer);
  answer = heard();
  tell('empty', await send('', port, '127.0.0.1'));
  tell('answer', await answer);
  tell('too long', await send(Buffer.alloc(70_000), port, '127.0.0.1'));
  const many = new Promise((resolve) => {
    const seen = [];
    const add = (message) => {
      if (seen.push(String(message)) < 50) return;
      client.off('message', add);
      resolve(seen);
    };
    client.on('message', add);
  });
  for (let count = 0; count < 50; count += 1) client.send(String(count), port, '127.0.0.1');
  tell('many', await many);

  client.close();
  const friend = await bound('udp4', 0, '127.0.0.1');
  friend.connect(port, '127.0.0.1');
  await once(friend, 'connect');
  tell('peer', friend.remoteAddress().address);
  friend.send('connected');
  tell('connected', String((await once(friend, 'message'))[0]));
  attempt('send elsewhere', () => friend.send('x', 1, '127.0.0.1'));
  friend.setTTL(12);
  friend.setBroadcast(true);
  friend.setMulticastTTL(3);
  friend.setMulticastLoopback(false);
  attempt('ttl', () => friend.setTTL(1000));
  tell('buffer', friend.getRecvBufferSize() > 0);
  tell('queue', [friend.getSendQueueSize(), friend.getSendQueueCount()]);
  friend.close();
  await once(friend, 'close');
  attempt('closed', () => friend.send('x'));

  const six = await bound({ type: 'udp6', ipv6Only: true }, 0, '::1');
  tell('six', [six.address().address, six.address().family]);
  const own = once(six, 'message');
  six.send('to itself', six.address().port, '::1');
  tell('itself', String((await own)[0]));
  six.close();
  await attemptLater('taken', async () => {
    const other = dgram.createSocket('udp4');
    const failed = once(other, 'error');
    other.bind(port, '127.0.0.1');
    const [{ code, syscall }] = await failed;
    return [code, syscall];
  });
  server.unref();
  server.ref();
  server.close();
  attempt('type', () => dgram.createSocket('tcp'));
};

const lists = () => {
  const list = new BlockList();
  list.addAddress('123.123.123.123');
  list.addRange('10.0.0.1', '10.0.0.10');
  list.addSubnet('8592:757c:efae:4e45::', 64, 'ipv6');
  list.addSubnet('192.168.0.0', 16);
  tell(
    'checked',
    ['123.123.123.123', '10.0.0.3', '10.0.0.11', '192.168.3.4', '222.1.1.1'].map((each) => list.check(each)),
  );
  tell('six', [
    list.check('::ffff:7b7b:7b7b', 'ipv6'),
    list.check('8592:757c:efae:4e45::9', 'ipv6'),
    list.check('::1', 'ipv6'),
    list.check('nonsense'),
  ]);
  tell('rules', list.rules);
  tell('shown', inspect(list));
  list.removeRange('10.0.0.1', '10.0.0.10');
  tell('removed', [list.check('10.0.0.3'), list.rules.length]);
  attempt('wrong order', () => list.addRange('10.0.0.2', '10.0.0.1'));
  attempt('no address', () => new SocketAddress({ address: 'nonsense' }));
  const address = new SocketAddress({ address: 'FE80::0:1', family: 'ipv6', port: 5, flowlabel: 7 });
  tell('socket address', [
    address.address,
    address.family,
    address.port,
    address.flowlabel,
    inspect(address),
  ]);
  tell('parsed', [
    SocketAddress.parse('1.2.3.4:5')?.port,
    SocketAddress.parse('[::1]:8')?.address,
    SocketAddress.parse('x y'),
  ]);
  tell('cloned', structuredClone(list).check('192.168.1.1'));
};

void main().then(lists);
