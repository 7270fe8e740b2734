/** How settings and an app become the definition of a sandbox. */
import { readFileSync } from 'node:fs';
import type { Settings } from './config/settings.ts';
import { expandForward } from './network/forward.ts';
import type { ResolvedApp } from './runtime/resolve.ts';
import type { RequestedForward, SandboxDefinition } from './sandbox/definition.ts';
import { engineIdentity } from './sandbox/identity.ts';
import { terminalVariables } from './terminal-variables.ts';

/** The scratch directory every guest finds, in memory. */
const SCRATCH = '/tmp';
/** Digits of an id: as many as Docker shows of its own. */
const ID_LENGTH = 12;
/** A random UUID, new at each look (random(4)); loading node:crypto for one takes some ms of a start. */
const RANDOM_UUID = '/proc/sys/kernel/random/uuid';

export interface DefineRequest {
  readonly settings: Settings;
  readonly app: ResolvedApp;
  /** Of a sandbox that is in the store. */
  readonly stored?: StoredParts | undefined;
}

/** What a stored definition says and settings do not. */
export interface StoredParts {
  readonly id: string;
  readonly name: string;
  /** Its forwards when it last ran, in the place of those of the settings; absent before it ever did. */
  readonly forwards?: readonly RequestedForward[] | undefined;
}

/** An id for a new sandbox. */
export const newSandboxId = (): string =>
  // From the end: the digits before it say which version of UUID it is.
  readFileSync(RANDOM_UUID, 'utf8').trim().slice(-ID_LENGTH);

export const defineSandbox = ({ settings, app, stored }: DefineRequest): SandboxDefinition => {
  const { network } = settings;
  return {
    id: stored?.id ?? newSandboxId(),
    name: stored?.name ?? app.name,
    nameIsExplicit: stored !== undefined || app.nameIsExplicit,
    language: app.runtime,
    app: app.directory,
    isDetached: stored !== undefined,
    prefix: network.namespacePrefix,
    ...guestOf(app, settings),
    forwards: stored?.forwards ?? requestedForwards(settings),
    isolation: network.isolation,
    transport: network.transport,
    outbound: { mode: network.outbound, rules: network.allow },
    peers: network.peers,
    addressPools: network.addressPool,
    user: engineIdentity(app.directory, process.env),
  };
};

/** The forwards that settings ask for. */
export const requestedForwards = ({ network }: Settings): RequestedForward[] =>
  network.forwards
    .flatMap((spec) => expandForward(spec))
    .map((spec) => ({
      protocol: spec.protocol,
      addresses: spec.address === undefined ? network.bind : [spec.address],
      hostPort: spec.hostPort ?? 0,
      processPort: spec.processPort,
    }));

type Guest = Pick<SandboxDefinition, 'module' | 'driver' | 'args' | 'env' | 'directories' | 'tmpfs'>;

/** What the runtime needs, as far as the user has not put something else in its place. */
const guestOf = ({ program }: ResolvedApp, { app }: Settings): Guest => {
  const { modulePath, driver, options, args, env, directories = [], tmpfs = [] } = program;
  const chosen = new Set([...app.directories.map(({ guestPath }) => guestPath), ...app.tmpfs]);
  const needed = directories.filter(({ guestPath }) => !chosen.has(guestPath));
  const mounts = [...app.directories, ...needed];
  const mounted = new Set(mounts.map(({ guestPath }) => guestPath));
  const inMemory = [...tmpfs, SCRATCH].filter((guestPath) => !mounted.has(guestPath));
  return {
    module: modulePath,
    ...(driver !== undefined && { driver: { path: driver, options } }),
    args,
    env: { ...terminalVariables(process.stdout, process.env), ...env, ...app.env },
    directories: mounts,
    tmpfs: [...new Set([...app.tmpfs, ...inMemory])],
  };
};
