import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from './refusal.ts';
import { ScramExchange, parseVerifier } from './scram.ts';
import type { ScramVerifier } from './scram.ts';

const secret = Buffer.from('only the server knows');

const saltedPassword = (password: string, salt: Buffer, iterations: number): Buffer =>
  pbkdf2Sync(password, salt, iterations, 32, 'sha256');
const hmac = (key: Uint8Array, text: string): Buffer =>
  createHmac('sha256', key).update(text, 'latin1').digest();
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** As PostgreSQL stores it. */
const verifierText = (password: string, salt: Buffer, iterations: number): string => {
  const salted = saltedPassword(password, salt, iterations);
  const storedKey = sha256(hmac(salted, 'Client Key')).toString('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
};

/** The client's side (RFC 5802, 3): its last message, and what the server is to prove itself by. */
const clientFinal = (
  password: string,
  { header, bare, serverFirst }: { header: string; bare: string; serverFirst: string },
): { message: string; signature: string } => {
  const [, nonce, salt, iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(serverFirst)!;
  const salted = saltedPassword(password, Buffer.from(salt!, 'base64'), Number(iterations));
  const clientKey = hmac(salted, 'Client Key');
  const withoutProof = `c=${Buffer.from(header).toString('base64')},r=${nonce}`;
  const texts = `${bare},${serverFirst},${withoutProof}`;
  const signature = hmac(sha256(clientKey), texts);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!));
  return {
    message: `${withoutProof},p=${proof.toString('base64')}`,
    signature: `v=${hmac(hmac(salted, 'Server Key'), texts).toString('base64')}`,
  };
};

const exchangeWith = (verifier: ScramVerifier | undefined, nonce = 'server'): ScramExchange =>
  new ScramExchange({ verifier, user: 'user', secret, nonce });

const detailOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, message, detail } = error.answer;
    return [code, message, detail].filter(Boolean).join(' | ');
  }
  return 'nothing';
};

const PENCIL = parseVerifier(verifierText('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'), 4096));

test('the exchange of RFC 7677, section 3', () => {
  const exchange = exchangeWith(PENCIL, '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0');
  expect(exchange.first('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')).toBe(
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  );
  expect(
    exchange.final(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    ),
  ).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
});

const password = fc.string({ minLength: 1, maxLength: 30 });
const salt = fc.uint8Array({ minLength: 1, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const header = fc.constantFrom('n,,', 'y,,');
const nonce = fc.stringMatching(/^[!-+\--~]{1,40}$/);

describe('whoever', () => {
  test('knows the password is let in, and told that the server knows it, too', () => {
    fc.assert(
      fc.property(password, salt, fc.integer({ min: 1, max: 20 }), header, nonce, (...given) => {
        const [known, salted, iterations, gs2, random] = given;
        const exchange = exchangeWith(parseVerifier(verifierText(known, salted, iterations)));
        const bare = `n=,r=${random}`;
        const serverFirst = exchange.first(gs2 + bare);
        const { message, signature } = clientFinal(known, { header: gs2, bare, serverFirst });
        expect(exchange.final(message)).toBe(signature);
      }),
    );
  });

  test('knows another one is not', () => {
    fc.assert(
      fc.property(password, password, salt, (known, other, salted) => {
        fc.pre(known !== other);
        const exchange = exchangeWith(parseVerifier(verifierText(known, salted, 2)));
        const bare = 'n=,r=abc';
        const serverFirst = exchange.first(`n,,${bare}`);
        const { message } = clientFinal(other, { header: 'n,,', bare, serverFirst });
        expect(exchange.final(message)).toBeUndefined();
      }),
    );
  });

  test('changes any letter of the last message is not', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 33, max: 126 }), (at, letter) => {
        const exchange = exchangeWith(PENCIL);
        const bare = 'n=,r=abc';
        const serverFirst = exchange.first(`n,,${bare}`);
        const { message } = clientFinal('pencil', { header: 'n,,', bare, serverFirst });
        const index = at % message.length;
        const changed = message.slice(0, index) + String.fromCharCode(letter) + message.slice(index + 1);
        fc.pre(changed !== message);
        let signature: string | undefined;
        expect(detailOf(() => (signature = exchange.final(changed)))).not.toBe('');
        expect(signature).toBeUndefined();
      }),
    );
  });

  test('is nobody is asked with a salt that stays, and never let in', () => {
    fc.assert(
      fc.property(password, (tried) => {
        const first = exchangeWith(undefined).first('n,,n=,r=abc');
        const exchange = exchangeWith(undefined);
        const serverFirst = exchange.first('n,,n=,r=abc');
        expect(serverFirst).toBe(first);
        expect(serverFirst).toMatch(/^r=abcserver,s=[A-Za-z0-9+/]{22}==,i=4096$/);
        const { message } = clientFinal(tried, { header: 'n,,', bare: 'n=,r=abc', serverFirst });
        expect(exchange.final(message)).toBeUndefined();
      }),
      { numRuns: 10 },
    );
  });

  test('says anything else is answered by an error that says what is wrong, or as somebody who does not know', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'n,,',
        'y,,',
        'p=tls-unique,,',
        'n=',
        'r=',
        'c=',
        'p=',
        'm=',
        'a=',
        ',',
        '=',
        'biws',
        'abcserver',
      ),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    const message = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(message, message, (first, final) => {
        const exchange = exchangeWith(PENCIL);
        detailOf(() => exchange.first(first));
        let signature: string | undefined;
        detailOf(() => (signature = exchange.final(final)));
        expect(signature).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });
});

test.each([
  [
    'p=tls-unique,,n=,r=abc',
    '08P01 | malformed SCRAM message | The client selected SCRAM-SHA-256 without channel binding',
  ],
  ['x,,n=,r=abc', `08P01 | malformed SCRAM message | Unexpected channel-binding flag "'x'".`],
  ['n;,n=,r=abc', `08P01 | malformed SCRAM message | Comma expected, but found character "';'".`],
  ['n,a=joe,n=,r=abc', '0A000 | client uses authorization identity, but it is not supported'],
  ['n,,m=x,n=,r=abc', '0A000 | client requires an unsupported SCRAM extension'],
  ['n,,r=abc', `08P01 | malformed SCRAM message | Expected attribute "n" but found "'r'".`],
  ['n,,n=,r=a\u0001', '08P01 | non-printable characters in SCRAM nonce'],
  ['n,,n', '08P01 | malformed SCRAM message | Expected character "=" for attribute "n".'],
])('the first message %j is refused', (message, expected) => {
  expect(detailOf(() => exchangeWith(PENCIL).first(message))).toContain(expected);
});

test.each([
  ['c=eSws,r=abcserver,p=AAAA', '08P01 | unexpected SCRAM channel-binding attribute in client-final-message'],
  ['c=biws,r=abcserver,p=AAAA', '08P01 | malformed SCRAM message | Malformed proof in client-final-message.'],
  [
    `c=biws,r=abc,p=${Buffer.alloc(32).toString('base64')}`,
    '08P01 | invalid SCRAM response | Nonce does not match.',
  ],
  ['c=biws,r=abcserver', '08P01 | malformed SCRAM message | Attribute expected, but found end of string.'],
  [
    `c=biws,r=abcserver,p=${Buffer.alloc(32).toString('base64')},x=1`,
    '08P01 | malformed SCRAM message | Garbage found at the end of client-final-message.',
  ],
])('the last message %j is refused', (message, expected) => {
  const exchange = exchangeWith(PENCIL);
  exchange.first('n,,n=,r=abc');
  expect(detailOf(() => exchange.final(message))).toBe(expected);
});

test.each(['', 'md5aaaabbbbccccddddaaaabbbbccccdddd', 'SCRAM-SHA-256$4096:AAAA$AAAA:AAAA', 'pencil'])(
  '%j is no verifier',
  (text) => {
    expect(parseVerifier(text)).toBeUndefined();
  },
);
