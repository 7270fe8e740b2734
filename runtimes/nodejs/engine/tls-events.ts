/** What happens to a connection of TLS, and what its listeners answer. */

/** Events that the library listens to, and answers later if at all. */
export const TOLD = [
  'onhandshakestart',
  'onhandshakedone',
  'onclienthello',
  'oncertcb',
  'onnewsession',
  'onkeylog',
  'onocspresponse',
  'onerror',
] as const;

/**
 * - `data` bytes, `readError` number of libuv: has been decrypted
 * - `output` bytes: is to be sent, then `written` is to be called
 * - `finish`: the sending side is to be shut down, then `shutDown` is to be called
 * - `written` and `shutDown`, status: what the guest asked for is done
 * - `servername` text: the client has named it
 * - `told` name, values: calls of the library's listeners
 */
export type TlsEvent = readonly [name: string, ...values: unknown[]];

/** What connections need of the world around. */
export interface TlsHost {
  /** Calls a listener of the connection that is being called; it answers with a number, bytes, or nothing. */
  askTls(name: string, ...values: readonly (string | number | null | Uint8Array)[]): unknown;
  /** There are events without a call; the guest is not running. */
  tellTls(number: number): void;
  /** Node's own loop is to have a turn. */
  requestHostTurn(): void;
}

export interface TlsContext {
  readonly native: object;
  /** While the connection uses it. */
  readonly hold: Disposable;
}

/** Where one of the offered protocols begins, each of which has its length before it (RFC 7301, section 3.1). */
export const protocolAt = (offered: Uint8Array, offset: unknown): number | undefined => {
  for (let at = 0; at < offered.length; at += 1 + offered[at]!) {
    if (at === offset && at + 1 + offered[at]! <= offered.length) return at;
  }
  return undefined;
};

/** The answer of the guest: the length of the identity in two bytes, the identity, the key. */
export const clientKey = (answer: Uint8Array): { identity: string; psk: Uint8Array } | undefined => {
  if (answer.length < 2) return undefined;
  const end = 2 + answer[0]! * 256 + answer[1]!;
  return { identity: Buffer.from(answer.subarray(2, end)).toString(), psk: answer.subarray(end) };
};
