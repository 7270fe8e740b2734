'use strict';
/** TLS between sockets of the script's own; CERTIFICATES names the directory of test/helpers/certificates.ts. */
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { constants, createHash } = require('node:crypto');
const net = require('node:net');
const { join } = require('node:path');
const { Duplex, duplexPair } = require('node:stream');
const tls = require('node:tls');
const { tell, attempt, attemptLater } = require('./tell.cjs');

const read = (name) => readFileSync(join(process.env.CERTIFICATES, name));
const identity = (name) => ({ key: read(`${name}.key`), cert: read(`${name}.pem`) });
const ca = read('ca.pem');

/** Connects once; what both ends know of each other. */
const meet = async (serverOptions, clientOptions, talk = () => {}) => {
  const server = tls.createServer({ ...identity('server'), ...serverOptions });
  server.on('tlsClientError', (error) => tell('tlsClientError', error.code));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'secureConnection').then(([socket]) => socket);
  const client = tls.connect({ port: server.address().port, host: 'localhost', ca, ...clientOptions });
  try {
    await once(client, 'secureConnect');
    const peer = await accepted;
    await talk(client, peer);
    client.end();
    peer.resume().end();
    await Promise.all([once(client.resume(), 'close'), once(peer, 'close')]);
  } finally {
    client.destroy();
    server.close();
  }
};

const known = (socket) => ({
  protocol: socket.getProtocol(),
  cipher: socket.getCipher(),
  alpn: socket.alpnProtocol,
  servername: socket.servername,
  isReused: socket.isSessionReused(),
  authorized: socket.authorized,
  authorizationError: socket.authorizationError,
  ephemeral: socket.getEphemeralKeyInfo(),
  encrypted: socket.encrypted,
});

const versions = async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    await attemptLater(version, () =>
      meet({ minVersion: version, maxVersion: version }, {}, (client, server) => {
        tell('client', known(client));
        tell('server', known(server));
        tell('own', server.getCertificate().subject);
        const peer = client.getPeerCertificate(true);
        tell('peer', [peer.subject, peer.subjectaltname, peer.issuer, Object.keys(peer).toSorted()]);
        tell('issuer', [peer.issuerCertificate.subject, Object.keys(peer.issuerCertificate).toSorted()]);
        tell('circular', peer.issuerCertificate.issuerCertificate === peer.issuerCertificate);
        const x509 = client.getPeerX509Certificate();
        tell('x509', [
          x509.subject,
          x509.checkHost('localhost'),
          x509.checkIssued(x509),
          x509.raw.equals(peer.raw),
        ]);
        tell('finished', client.getFinished().equals(server.getPeerFinished()));
        const material = client.exportKeyingMaterial(32, 'label', Buffer.from('context'));
        tell('material', material.equals(server.exportKeyingMaterial(32, 'label', Buffer.from('context'))));
        attempt('too long a fragment', () => client.setMaxSendFragment(100_000));
        tell('signatures', server.getSharedSigalgs().length > 3);
      }),
    );
  }
  await attemptLater('no version', () => meet({ minVersion: 'TLSv1.3' }, { maxVersion: 'TLSv1.2' }));
  await attemptLater('no cipher', () =>
    meet({ ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }, { ciphers: 'AES256-SHA' }),
  );
};

const trust = async () => {
  await attemptLater('unknown authority', () => meet({}, { ca: undefined }));
  await attemptLater('not rejected', () =>
    meet({}, { ca: undefined, rejectUnauthorized: false }, (client) => tell('client', known(client))),
  );
  await attemptLater('another name', () => meet({}, { servername: 'elsewhere.test' }));
  await attemptLater('own check', () =>
    meet({}, { checkServerIdentity: (host, { subject }) => new Error(`${host} ${subject.CN}`) }),
  );
  const asking = { requestCert: true, ca };
  await attemptLater('certificate of the client', () =>
    meet(asking, identity('client'), (_, server) => {
      tell('server', [server.authorized, server.getPeerCertificate().subject]);
    }),
  );
  await attemptLater('none, and not rejected', () =>
    meet({ ...asking, rejectUnauthorized: false }, {}, (_, server) => {
      tell('server', [server.authorized, server.authorizationError, server.getPeerCertificate()]);
    }),
  );
  attempt('roots', () => [tls.rootCertificates.length > 100, tls.getCACertificates('bundled').length > 100]);
  attempt('extra', () => tls.getCACertificates('extra'));
  attempt('ciphers', () => [tls.getCiphers().length, tls.DEFAULT_CIPHERS, tls.DEFAULT_MIN_VERSION]);
};

const negotiation = async () => {
  const protocols = { ALPNProtocols: ['http/1.1', 'x'] };
  await attemptLater('alpn', () =>
    meet({ ALPNProtocols: ['x', 'y'] }, protocols, (client) => tell('chosen', client.alpnProtocol)),
  );
  await attemptLater('no alpn', () => meet({ ALPNProtocols: ['y'] }, protocols));
  await attemptLater('alpn by the app', () =>
    meet({ ALPNCallback: (offered) => tell('offered', offered) ?? 'x' }, protocols, (client) =>
      tell('chosen', client.alpnProtocol),
    ),
  );
  const contexts = {
    SNICallback: (name, done) => setTimeout(() => done(null, tls.createSecureContext(identity('other'))), 5),
  };
  for (const servername of ['other.test', 'a.wild.test', 'b.c.wild.test']) {
    await attemptLater(servername, () =>
      meet(contexts, { servername }, (client, server) =>
        tell('named', [server.servername, client.getPeerCertificate().subject.CN]),
      ),
    );
  }
  await attemptLater('SNI fails', () =>
    meet({ SNICallback: (_, done) => done(new Error('no such name')) }, {}),
  );
  const psk = createHash('sha256').update('key').digest();
  const keyed = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2', key: undefined, cert: undefined };
  await attemptLater('shared key', () =>
    meet(
      { ...keyed, pskCallback: (_, who) => tell('who', who) ?? psk, pskIdentityHint: 'hint' },
      {
        ...keyed,
        pskCallback: (hint) => tell('hint', hint) ?? { psk, identity: 'me' },
        checkServerIdentity: () => undefined,
      },
      (client) => tell('cipher', client.getCipher().name),
    ),
  );
};

const sessions = async () => {
  const kept = new Map();
  const context = tls.createSecureContext({
    ...identity('server'),
    secureOptions: constants.SSL_OP_NO_TICKET,
    maxVersion: 'TLSv1.2',
  });
  const server = tls.createServer({
    secureContext: context,
    ...identity('server'),
    maxVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  server.on('newSession', (id, session, done) =>
    setImmediate(() => done(kept.set(id.toString('hex'), session))),
  );
  server.on('resumeSession', (id, done) => setImmediate(() => done(null, kept.get(id.toString('hex')))));
  server.on('secureConnection', (socket) => socket.end(`again: ${socket.isSessionReused()}`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let session;
  for (const turn of ['first', 'second']) {
    const client = tls.connect({ port: server.address().port, host: 'localhost', ca, session });
    client.on('session', (given) => (session = given));
    client.on('data', (data) => tell(turn, data));
    await once(client, 'close');
    tell('session', [Buffer.isBuffer(session), client.authorized]);
  }
  tell('ticket keys', server.getTicketKeys().length);
  attempt('wrong ticket keys', () => server.setTicketKeys(Buffer.alloc(48, 1)));
  server.close();
};

const bodies = async () => {
  await attemptLater('megabytes both ways', () =>
    meet({}, {}, async (client, server) => {
      const size = 5_000_000;
      const sum = async (socket) => {
        const hash = createHash('sha1');
        let left = size;
        for await (const part of socket.iterator({ destroyOnReturn: false })) {
          hash.update(part);
          left -= part.length;
          if (left === 0) return hash.digest('hex');
        }
      };
      const sums = [sum(client), sum(server)];
      client.write(Buffer.alloc(size, 'ab'));
      for (let at = 0; at < size; at += 50_000) {
        if (!server.write(Buffer.alloc(50_000, 'cd'))) await once(server, 'drain');
      }
      tell('sums', await Promise.all(sums));
      tell('counts', [client.bytesWritten, server.bytesRead]);
    }),
  );
  await attemptLater('over a stream of JavaScript', async () => {
    const ends = [];
    for (const index of [0, 1]) {
      ends.push(
        new Duplex({
          read() {},
          write: (chunk, _, done) => setImmediate(() => done(null, ends[1 - index].push(chunk))),
          final: (done) => done(null, ends[1 - index].push(null)),
        }),
      );
    }
    const server = new tls.TLSSocket(ends[0], { isServer: true, ...identity('server') });
    const client = tls.connect({ socket: ends[1], servername: 'localhost', ca });
    server.on('data', (data) => server.end(`you said ${data}`));
    client.write('hello');
    const [answer] = await once(client, 'data');
    tell('answer', answer);
    client.end();
  });
  await attemptLater('garbage', async () => {
    const server = tls.createServer(identity('server')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = net.connect(server.address().port, '127.0.0.1', () =>
      socket.end('GET / HTTP/1.1\r\n\r\n'),
    );
    const [error] = await once(server, 'tlsClientError');
    server.close();
    return [error.code, error.library, error.reason];
  });
};

const contexts = () => {
  attempt('no key', () => tls.createSecureContext({ key: 'nothing' }));
  attempt('another key', () =>
    tls.createSecureContext({ cert: read('server.pem'), key: read('client.key') }),
  );
  attempt('no certificate', () => tls.createSecureContext({ cert: '-----BEGIN CERTIFICATE-----\n' }));
  attempt('no ciphers', () => tls.createSecureContext({ ciphers: 'NOTHING' }));
  attempt('no curve', () => tls.createSecureContext({ ecdhCurve: 'nothing' }));
  attempt('no such version', () => tls.createSecureContext({ minVersion: 'SSLv3' }));
  attempt('no such method', () => tls.createSecureContext({ secureProtocol: 'SSLv2_method' }));
  attempt('no pfx', () => tls.createSecureContext({ pfx: Buffer.from('x') }));
  attempt('no crl', () => tls.createSecureContext({ crl: 'x' }));
  attempt('too long a context', () => tls.createSecureContext({ sessionIdContext: 'x'.repeat(40) }));
  attempt(
    'compression',
    () => typeof tls.createSecureContext({ certificateCompression: ['zlib', 'brotli'] }).context,
  );
};

/** Streams of JavaScript hand over what was written in one piece, however large it is. */
const largePieces = () =>
  attemptLater('large pieces', async () => {
    const [near, far] = duplexPair();
    const server = new tls.TLSSocket(far, { isServer: true, ...identity('server') });
    const client = tls.connect({ socket: near, ca, servername: 'localhost' });
    client.end(Buffer.alloc(4 << 20, 'piece'));
    let size = 0;
    for await (const chunk of server) size += chunk.length;
    tell('received', size);
    client.destroy();
  });

const main = async () => {
  for (const part of [versions, trust, negotiation, sessions, bodies, contexts, largePieces]) {
    tell(part.name, true);
    await part();
  }
};

main();
