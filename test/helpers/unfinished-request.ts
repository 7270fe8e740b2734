/** A request that is in flight for as long as a test likes. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

/**
 * Posts JSON but for its last byte, on a connection of its own. Resolves when the server has seen the head, which
 * it says by `100 Continue`.
 * @returns sends the rest, and resolves to the answer
 */
export const beginPost = async (url: string, value: unknown): Promise<() => Promise<Answer>> => {
  const body = Buffer.from(JSON.stringify(value));
  const request = httpRequest(url, {
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'application/json',
      'content-length': body.length,
      expect: '100-continue',
    },
  });
  request.flushHeaders();
  await once(request, 'continue');
  request.write(body.subarray(0, -1));
  return async () => {
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    request.end(body.subarray(-1));
    const [response] = await answered;
    return { status: response.statusCode, body: await text(response) };
  };
};
