/**
 * Every setting, one row each: its place in `.wasmrun.toml`, the flag and the environment variable
 * that set it too, how it is read, and its default. A new setting is a new row (and its line in
 * `settings.ts` and `.wasmrun.toml.example`).
 */
import { DEFAULT_ADDRESS_POOLS } from '../network/address-pool.ts';
import type { ReloadPolicy } from '../watch/reload-policy.ts';
import { parseEgressRule, type EgressRule, type OutboundMode } from '../network/egress.ts';
import { DEFAULT_PREFIX, type IsolationName } from '../network/names.ts';
import { parsePeer, type PeerRule } from '../network/peers.ts';
import { formatForward, parseForward, parseHostAddress } from '../network/forward.ts';
import type { TransportName } from '../network/transport.ts';
import {
  boolean,
  command,
  integer,
  list,
  listOrOne,
  oneOrMore,
  text,
  variables,
  type Reader,
} from './readers.ts';
import { databaseName, extensionName, parameters, roleName, secret } from './postgres-settings.ts';
import type { Secret } from './secret.ts';
import {
  directoryMount,
  formatDirectoryMount,
  guestPath,
  hostPath,
  ipv4Network,
  memorySize,
  formatMemorySize,
  namespacePrefix,
  nonEmpty,
  oneOf,
  sandboxName,
} from './values.ts';

export interface Field<Value> {
  readonly reader: Reader<Value>;
  /** A value as it is written in TOML, for hints. */
  readonly example: string;
  /** Flag of the command line that sets it. */
  readonly flag?: string;
  /** Environment variable that sets it. */
  readonly variable?: string;
  /** Value when nothing sets it; absent: the setting stays unset. */
  readonly fallback?: Value;
  /** The value as it is written in TOML, where that differs. */
  print?(value: Value): unknown;
  /** It is not to be seen, not even in an error about it. */
  readonly isSecret?: boolean;
}

const field = <Value>(row: Field<Value>): Field<Value> => row;

/** By path in `.wasmrun.toml`. */
export const FIELDS = {
  'app.name': field({
    reader: text(sandboxName),
    example: '"web"',
    flag: '--name',
    variable: 'WASMRUN_NAME',
  }),
  'app.language': field({
    reader: text(nonEmpty),
    example: '"wasm"',
    flag: '--language',
    variable: 'WASMRUN_LANGUAGE',
  }),
  'app.module': field({ reader: text(hostPath), example: '"server.wasm"', flag: '--module' }),
  'app.args': field({ reader: list((word) => word), example: '["--verbose"]', flag: '--', fallback: [] }),
  'app.env': field({
    reader: variables,
    example: '{ LOG_LEVEL = "debug" }',
    flag: '--env',
    fallback: new Map<string, string>(),
    print: (env) => Object.fromEntries(env),
  }),
  'app.env_file': field({ reader: listOrOne(hostPath), example: '".env"', flag: '--env-file', fallback: [] }),
  'app.site_packages': field({
    reader: listOrOne(hostPath),
    example: '"site-packages"',
    fallback: [],
  }),
  'app.dirs': field({
    reader: list(directoryMount),
    example: '["public:/public:ro"]',
    flag: '--dir',
    fallback: [],
    print: (mounts) => mounts.map(formatDirectoryMount),
  }),
  'app.tmpfs': field({ reader: list(guestPath), example: '["/cache"]', flag: '--tmpfs', fallback: [] }),
  'app.memory': field({
    reader: text(memorySize),
    example: '"256m"',
    flag: '--memory',
    variable: 'WASMRUN_MEMORY',
    print: formatMemorySize,
  }),

  'build.command': field({ reader: command, example: '"npm run build"' }),
  'build.output': field({ reader: text(hostPath), example: '"build/server.wasm"' }),

  'network.forwards': field({
    reader: list(parseForward),
    example: '["8080:3000"]',
    flag: '--forward',
    variable: 'WASMRUN_FORWARDS',
    fallback: [],
    print: (forwards) => forwards.map(formatForward),
  }),
  'network.bind': field<readonly string[]>({
    reader: oneOrMore(parseHostAddress),
    example: '["127.0.0.1", "::1"]',
    flag: '--bind',
    variable: 'WASMRUN_BIND',
    fallback: ['127.0.0.1', '::1'],
  }),
  'network.transport': field<TransportName | 'auto'>({
    reader: text(oneOf('auto', 'nftables', 'iptables', 'pf', 'handoff')),
    example: '"auto"',
    flag: '--transport',
    variable: 'WASMRUN_TRANSPORT',
    fallback: 'auto',
  }),
  'network.isolation': field<IsolationName | 'auto'>({
    reader: text(oneOf('auto', 'namespace', 'user-namespace', 'virtual')),
    example: '"auto"',
    flag: '--isolation',
    variable: 'WASMRUN_ISOLATION',
    fallback: 'auto',
  }),
  'network.namespace_prefix': field<string>({
    reader: text(namespacePrefix),
    example: '"wasmrun"',
    variable: 'WASMRUN_NAMESPACE_PREFIX',
    fallback: DEFAULT_PREFIX,
  }),
  'network.address_pool': field<readonly string[]>({
    reader: oneOrMore(ipv4Network),
    example: '["10.231.0.0/16"]',
    variable: 'WASMRUN_ADDRESS_POOL',
    fallback: DEFAULT_ADDRESS_POOLS,
  }),

  'network.outbound': field<OutboundMode>({
    reader: text(oneOf('none', 'allow-list', 'all')),
    example: '"allow-list"',
    flag: '--outbound',
    variable: 'WASMRUN_OUTBOUND',
  }),
  'network.peers': field<readonly PeerRule[]>({
    reader: list(parsePeer),
    example: '["db:5432"]',
    flag: '--peer',
    variable: 'WASMRUN_PEERS',
    fallback: [],
    print: (rules) => rules.map((rule) => rule.text),
  }),
  'network.egress.allow': field<readonly EgressRule[]>({
    reader: list(parseEgressRule),
    example: '["203.0.113.0/24:443", "example.org:443"]',
    flag: '--allow-net',
    variable: 'WASMRUN_ALLOW_NET',
    fallback: [],
    print: (rules) => rules.map((rule) => rule.text),
  }),

  'postgres.database': field({ reader: text(databaseName), example: '"shop"' }),
  'postgres.user': field<string>({ reader: text(roleName), example: '"shop"', fallback: 'postgres' }),
  'postgres.password': field<Secret>({
    reader: text(secret),
    example: '"correct horse"',
    variable: 'WASMRUN_POSTGRES_PASSWORD',
    isSecret: true,
  }),
  'postgres.data': field({ reader: text(hostPath), example: '"data"' }),
  'postgres.init': field({
    reader: listOrOne(hostPath),
    example: '["schema.sql", "seed.sql"]',
    fallback: [],
  }),
  'postgres.extensions': field({ reader: listOrOne(extensionName), example: '["pg_trgm"]', fallback: [] }),
  'postgres.slow_ms': field<number>({ reader: integer(0, 2_147_483_647), example: '1000', fallback: 1000 }),
  'postgres.settings': field<ReadonlyMap<string, string>>({
    reader: parameters,
    example: '{ work_mem = "8MB", max_connections = 20 }',
    fallback: new Map<string, string>(),
    print: (values) => Object.fromEntries(values),
  }),

  'watch.paths': field({ reader: list(hostPath), example: '["src"]', fallback: [] }),
  'watch.ignore': field({ reader: list(nonEmpty), example: '["**/*.log"]', fallback: [] }),
  'watch.reload': field<ReloadPolicy>({
    reader: text(oneOf('overlap', 'restart', 'none')),
    example: '"overlap"',
    fallback: 'overlap',
  }),
  'watch.grace_ms': field<number>({ reader: integer(0, 600_000), example: '10000', fallback: 10_000 }),
  'watch.node_modules': field<boolean>({ reader: boolean, example: 'true', fallback: false }),
  'watch.poll_ms': field({ reader: integer(10, 60_000), example: '1000' }),
  'watch.debounce_ms': field<number>({ reader: integer(0, 60_000), example: '100', fallback: 100 }),
};

export type FieldName = keyof typeof FIELDS;
export type FieldValue<Name extends FieldName> =
  (typeof FIELDS)[Name] extends Field<infer Value> ? Value : never;

export const isFieldName = (name: string): name is FieldName => Object.hasOwn(FIELDS, name);

export const FIELD_NAMES: readonly FieldName[] = Object.keys(FIELDS).filter(isFieldName);

/** What can be written after a flag, where those are few words. */
export const choicesOf = (flag: string): readonly string[] =>
  FIELD_NAMES.map((name): Field<unknown> => FIELDS[name]).find((field) => field.flag === flag)?.reader
    .choices ?? [];

/** `network.egress.allow` → section `network.egress`, key `allow`. */
export const splitFieldName = (name: FieldName): { section: string; key: string } => {
  const dot = name.lastIndexOf('.');
  return { section: name.slice(0, dot), key: name.slice(dot + 1) };
};
