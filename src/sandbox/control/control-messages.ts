/**
 * What is said over a control socket: HTTP/1.1 (RFC 9112) with JSON documents, so that `curl --unix-socket` is a
 * client too. Every document is checked by both sides: the other one may be of another version, or not ours at all.
 */
import { z } from 'zod';
import { fromErrorDocument, toErrorDocument } from '../../errors.ts';
import type { WasmrunError } from '../../errors.ts';
import { ForwardInfoSchema, SandboxInfoSchema } from './sandbox-info.ts';

/** First part of every path; raised where documents change so that an old side would misunderstand. */
export const VERSION_PATH = '/v1';
/** Most bytes of a request's document: the longest one is a list of addresses. */
export const MAX_BODY = 16 * 1024;

const port = z.int().min(1).max(65_535);
const protocol = z.enum(['tcp', 'udp']);

const ExposeSchema = z.strictObject({
  protocol,
  addresses: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .min(1)
    .max(64)
    .optional(),
  hostPort: port.optional(),
  processPort: port,
  anyPort: z.boolean().optional(),
});

const CloseSchema = z.strictObject({
  protocol,
  hostPort: port,
  processPort: port,
  now: z.boolean().optional(),
});

/** Ten minutes, as `[watch] grace_ms`. */
const LONGEST_GRACE_MS = 600_000;

const StopSchema = z.strictObject({ graceMs: z.int().min(0).max(LONGEST_GRACE_MS).optional() });

const NothingSchema = z.strictObject({});

/** What can be asked for: method and path, what is sent, and what is answered. */
export const OPERATIONS = {
  info: { method: 'GET', path: '/sandbox', request: NothingSchema, answer: SandboxInfoSchema },
  expose: { method: 'POST', path: '/forwards', request: ExposeSchema, answer: ForwardInfoSchema },
  close: { method: 'DELETE', path: '/forwards', request: CloseSchema, answer: NothingSchema },
  reload: { method: 'POST', path: '/reload', request: NothingSchema, answer: NothingSchema },
  stop: { method: 'POST', path: '/stop', request: StopSchema, answer: NothingSchema },
} as const;
export type Operation = keyof typeof OPERATIONS;
export const OPERATION_NAMES = Object.keys(OPERATIONS) as Operation[];

/** A stream of events, one JSON document a line, for as long as the client stays. */
export const EVENTS_PATH = '/events';

const ErrorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
});

/** What answers a request that has failed. */
export const failureDocument = (error: WasmrunError): z.infer<typeof ErrorSchema> => ({
  error: toErrorDocument(error),
});

/** The error a document stands for; undefined where it is none. */
export const readFailure = (document: unknown): WasmrunError | undefined => {
  const { data } = ErrorSchema.safeParse(document);
  return data && fromErrorDocument(data.error);
};
