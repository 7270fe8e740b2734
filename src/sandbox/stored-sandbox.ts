/** What is kept of a detached sandbox: what was asked for, so that any later start resolves it anew. */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { RequestedForward } from './definition.ts';
import { DamagedStore } from './store-damage.ts';

/** How a sandbox was asked for, as it was typed. */
export interface LaunchRequest {
  /** Absolute path of the app. */
  readonly app: string;
  /** Absolute path of the directory it was asked for in. */
  readonly directory: string;
  /** Flags of `wasmrun os` by their long names without the dashes. */
  readonly flags: Readonly<Record<string, string | readonly string[]>>;
  /** The `WASMRUN_*` variables of that moment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether the app's files are watched. */
  readonly isWatched: boolean;
}

/** Whether a guest that ended is started again, as `docker run --restart` has it. */
export type RestartPolicy = 'no' | 'on-failure' | 'always';

export interface StoredSandbox {
  readonly name: string;
  /** Random: 12 hexadecimal digits, as many as Docker shows of its own. */
  readonly id: string;
  /** ms since the epoch */
  readonly createdAt: number;
  readonly launch: LaunchRequest;
  readonly restart: RestartPolicy;
  /** What the user asked for last; a start after a reboot goes by it. */
  readonly wanted: 'running' | 'stopped';
  readonly forwards: readonly RequestedForward[];
  /** How it ended by itself when it last ran; null where it did not. */
  readonly ended: EndOfRun | null;
}

/** How an app ended that nobody had stopped. */
export interface EndOfRun {
  /** Its exit status. */
  readonly status: number;
  /** ms since the epoch */
  readonly at: number;
}

/** What the store itself adds to a new one. */
export type NewSandbox = Omit<StoredSandbox, 'id' | 'createdAt' | 'ended'>;

/** What can change of a stored one. */
export type SandboxChanges = Partial<Pick<StoredSandbox, 'forwards' | 'restart' | 'wanted' | 'ended'>>;

const AbsolutePathSchema = z.string().refine(isAbsolute);

const LaunchSchema = z.strictObject({
  app: AbsolutePathSchema,
  directory: AbsolutePathSchema,
  flags: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
  environment: z.record(z.string(), z.string()),
  isWatched: z.boolean(),
}) satisfies z.ZodType<LaunchRequest>;

const ForwardSchema = z.strictObject({
  protocol: z.enum(['tcp', 'udp']),
  addresses: z.array(z.union([z.ipv4(), z.ipv6()])).min(1),
  hostPort: z.int().min(0).max(65_535),
  processPort: z.int().min(1).max(65_535),
}) satisfies z.ZodType<RequestedForward>;

const EndSchema = z.strictObject({
  status: z.int().min(0).max(255),
  at: z.int().min(0),
}) satisfies z.ZodType<EndOfRun>;

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.issues.push({ code: 'custom', message: 'is not JSON', input: text });
    return z.NEVER;
  }
});

/** A row of the table, as {@link rowOf} writes it. */
const RowSchema = z.strictObject({
  name: z.string().min(1),
  id: z.string().regex(/^[0-9a-f]{12}$/),
  createdAt: z.int().min(0),
  launch: json.pipe(LaunchSchema),
  restart: z.enum(['no', 'on-failure', 'always']),
  wanted: z.enum(['running', 'stopped']),
  forwards: json.pipe(z.array(ForwardSchema)),
  ended: json.pipe(EndSchema.nullable()),
}) satisfies z.ZodType<StoredSandbox>;

/** The parameters of a statement that writes a sandbox down. */
export const rowOf = (sandbox: StoredSandbox): Record<string, string | number> => ({
  ...sandbox,
  launch: JSON.stringify(sandbox.launch),
  forwards: JSON.stringify(sandbox.forwards),
  ended: JSON.stringify(sandbox.ended),
});

/**
 * The sandbox a row stands for.
 * @throws {DamagedStore}
 */
export const readRow = (row: unknown): StoredSandbox => {
  const { data, error } = RowSchema.safeParse(row);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  throw new DamagedStore('corrupt', `${issue!.path.join('.')} of a row: ${issue!.message}`);
};
