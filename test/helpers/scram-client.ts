/** The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), as PostgreSQL's protocol carries it. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { errorText, protocolMessage } from './postgres-client.ts';
import type { PostgresClient } from './postgres-client.ts';

const HEADER = 'n,,';
const BARE = 'n=,r=abc';

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The first message, with the mechanism's name before it. */
export const saslInitialResponse = (
  data = Buffer.from(HEADER + BARE),
  mechanism = 'SCRAM-SHA-256',
): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(data.length);
  return protocolMessage('p', Buffer.concat([Buffer.from(`${mechanism}\0`), length, data]));
};

/** The last one, to what the server has said first. */
export const saslResponse = (password: string, serverFirst: string): string => {
  const [, nonce, salt, iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(serverFirst)!;
  const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(iterations), 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const withoutProof = `c=${Buffer.from(HEADER).toString('base64')},r=${nonce}`;
  const storedKey = createHash('sha256').update(clientKey).digest();
  const signature = hmac(storedKey, `${BARE},${serverFirst},${withoutProof}`);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!));
  return `${withoutProof},p=${proof.toString('base64')}`;
};

/** The next request for authentication: its number and what it says. @throws {Error} with the server's error instead */
export const authenticationRequest = async (
  client: PostgresClient,
): Promise<{ kind: number; text: string }> => {
  const message = await client.next();
  if (message?.type !== 'R') throw new Error(message === undefined ? 'closed' : errorText(message.content));
  return { kind: message.content.readInt32BE(0), text: message.content.toString('latin1', 4) };
};
