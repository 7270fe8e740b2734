/** Answers the requests that come over a control socket. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { z } from 'zod';
import { WasmrunError, isWasmrunError } from '../../errors.ts';
import {
  EVENTS_PATH,
  MAX_BODY,
  OPERATIONS,
  OPERATION_NAMES,
  VERSION_PATH,
  failureDocument,
} from './control-messages.ts';
import type { Operation } from './control-messages.ts';
import type { SandboxControl } from './sandbox-control.ts';

/** How long a client may take for its request, in ms: they are written at once. */
const PATIENCE_MS = 5000;
const MAX_HEADERS = 8 * 1024;
/** Events that a client has not read yet, in bytes; one that is slower is parted from. */
const MAX_UNREAD = 1024 * 1024;

/** What takes a client that has just connected. */
export const answerRequests = (control: SandboxControl): ((client: Socket) => void) => {
  const deadlines = new WeakMap<Socket, NodeJS.Timeout>();
  const server = createServer({ maxHeaderSize: MAX_HEADERS }, (request, response) => {
    request.once('end', () => clearTimeout(deadlines.get(request.socket)));
    // One request each: what a client may take is counted from its connection.
    response.shouldKeepAlive = false;
    void answer(control, request, response);
  });
  return (client) => {
    // Timeouts of the HTTP server are for sockets that it has accepted itself.
    const deadline = setTimeout(() => client.destroy(), PATIENCE_MS);
    deadlines.set(client, deadline.unref());
    client.once('close', () => clearTimeout(deadline));
    server.emit('connection', client);
  };
};

const answer = async (
  control: SandboxControl,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  try {
    const path = request.url ?? '';
    if (request.method === 'GET' && path === VERSION_PATH + EVENTS_PATH) {
      return await streamEvents(control, request, response);
    }
    const operation = findOperation(request.method, path);
    const document = await readDocument(request);
    send(response, 200, await perform(control, operation, document));
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy();
    else sendError(response, error);
  }
};

const findOperation = (method: string | undefined, path: string): Operation => {
  const found = OPERATION_NAMES.find((name) => {
    const operation = OPERATIONS[name];
    return operation.method === method && VERSION_PATH + operation.path === path;
  });
  if (found !== undefined) return found;
  throw new WasmrunError('CONTROL_UNKNOWN', `this sandbox does not know ${method ?? ''} ${path}`, {
    hint: 'it may have been started by another version of wasmrun',
  });
};

const perform = async (
  control: SandboxControl,
  operation: Operation,
  document: unknown,
): Promise<unknown> => {
  const { request, answer } = OPERATIONS[operation];
  const { data, error } = z.safeParse(request, document);
  if (error !== undefined) {
    throw new WasmrunError(
      'CONTROL_INVALID',
      `that is no request to ${operation}: ${z.prettifyError(error)}`,
    );
  }
  // Each operation has the request that its schema has just been compared with.
  const ask = control[operation].bind(control) as (request: unknown) => Promise<unknown>;
  return answer.parse((await ask(data)) ?? {});
};

/** The document of a request; nothing stands for an empty one. */
const readDocument = async (request: IncomingMessage): Promise<unknown> => {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BODY)
      throw new WasmrunError('CONTROL_INVALID', `a request has at most ${MAX_BODY} bytes`);
    parts.push(part);
  }
  if (length === 0) return {};
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch (error) {
    throw new WasmrunError('CONTROL_INVALID', `that is no JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
};

const streamEvents = async (
  control: SandboxControl,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  request.resume();
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  // Sent at once: from here on nothing is missed.
  const events = control.events(gone.signal);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
  for await (const event of events) {
    response.write(`${JSON.stringify(event)}\n`);
    if (response.writableLength > MAX_UNREAD) response.destroy();
  }
  response.end();
};

const send = (response: ServerResponse, status: number, document: unknown): void => {
  const text = `${JSON.stringify(document)}\n`;
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
};

/** Statuses of RFC 9110 that a client may look at; the code says more. */
const STATUS: ReadonlyMap<string, number> = new Map([
  ['CONTROL_UNKNOWN', 404],
  ['CONTROL_INVALID', 400],
  ['FORWARD_NOT_FOUND', 404],
  ['PORT_IN_USE', 409],
]);

const sendError = (response: ServerResponse, error: unknown): void => {
  const known = isWasmrunError(error) ? error : new WasmrunError('INTERNAL', String(error));
  send(response, STATUS.get(known.code) ?? 500, failureDocument(known));
};
