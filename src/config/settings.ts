/** The settings of one run: everything resolved and checked, with the place each value came from. */
import type { DirectoryMount } from '../engine/messages.ts';
import { WasmrunError } from '../errors.ts';
import {
  duplicateForwardError,
  findDuplicateHostPorts,
  addressesOverlap,
  type ForwardSpec,
} from '../network/forward.ts';
import type { EgressRule, OutboundMode } from '../network/egress.ts';
import type { IsolationName } from '../network/names.ts';
import type { PeerRule } from '../network/peers.ts';
import type { TransportName } from '../network/transport.ts';
import type { ReloadPolicy } from '../watch/reload-policy.ts';
import { findConfigFile } from './discover.ts';
import type { FieldName, FieldValue } from './fields.ts';
import { mergeEnvironment, type Variable } from './guest-environment.ts';
import type { PostgresSettings } from '../runtime/runtime.ts';
import { defaultLayer, environmentLayer, flagLayer, mergeLayers, type Flags, type Layer } from './layers.ts';

export interface Settings {
  /** Absolute path of the configuration file in use. */
  readonly configFile?: string | undefined;
  readonly app: {
    /** Name of the sandbox, where one was chosen. */
    readonly name?: string | undefined;
    /** Runtime to use instead of the detected one. */
    readonly language?: string | undefined;
    /** Absolute path of the WebAssembly module. */
    readonly module?: string | undefined;
    /** Arguments of the guest, without its own name. */
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    /** Absolute paths of directories with the packages of a Python app. */
    readonly sitePackages: readonly string[];
    readonly directories: readonly DirectoryMount[];
    /** Guest paths of in-memory file systems. */
    readonly tmpfs: readonly string[];
    /** Bytes of memory the app may use; absent: the runtime's default. */
    readonly memory?: number | undefined;
  };
  readonly build: {
    /** Program and arguments, or a string that is cut at its spaces. */
    readonly command?: string | readonly string[] | undefined;
    /** Absolute path of the module that the build makes. */
    readonly output?: string | undefined;
  };
  readonly network: {
    readonly forwards: readonly ForwardSpec[];
    /** Host addresses of forwards that name none. */
    readonly bind: readonly string[];
    readonly transport: TransportName | 'auto';
    /** What the guest may connect to outside; `allow` names what `allow-list` permits. */
    readonly outbound: OutboundMode;
    readonly allow: readonly EgressRule[];
    /** Other sandboxes that the guest may connect to. */
    readonly peers: readonly PeerRule[];
    readonly isolation: IsolationName | 'auto';
    readonly namespacePrefix: string;
    /** IPv4 networks in CIDR notation, in order of preference. */
    readonly addressPool: readonly string[];
  };
  /** Of an app that is a database; of others they are defaults. */
  readonly postgres: PostgresSettings;
  readonly watch: {
    /** Absolute paths; empty: the app's directory. */
    readonly paths: readonly string[];
    /** Glob patterns. */
    readonly ignore: readonly string[];
    readonly reload: ReloadPolicy;
    /** How long connections of the old version may take to finish. */
    readonly graceMs: number;
    /** Are changes in `node_modules` changes of the app? */
    readonly includeNodeModules: boolean;
    /** How often to look where that is wanted instead of the kernel's events. */
    readonly pollMs?: number | undefined;
    readonly debounceMs: number;
  };
}

export interface LoadedSettings {
  readonly settings: Settings;
  /**
   * Where each setting came from, by its path in the file (`network.bind`; environment variables of
   * the guest one by one: `app.env.PORT`). Settings that are not set are absent.
   */
  readonly origins: () => ReadonlyMap<string, string>;
  /** All settings as they are written in `.wasmrun.toml`, for printing. */
  readonly merged: Layer;
}

export interface SettingsRequest {
  /** Absolute path of the app's directory: the configuration is looked for from here upward. */
  readonly appDirectory: string;
  readonly flags: Flags;
  /** What a flag is called in errors; default: as it is typed. */
  readonly describeFlag?: ((flag: string) => string) | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute path; relative paths in flags and variables start here. */
  readonly workingDirectory: string;
}

/**
 * Finds, reads, merges and checks the settings: flag beats environment beats file beats default.
 * @throws {WasmrunError} `CONFIG_INVALID`, `CONFIG_UNREADABLE`, or the problem of a flag or variable
 */
export const loadSettings = async (request: SettingsRequest): Promise<LoadedSettings> => {
  const surroundings = { directory: request.workingDirectory, environment: request.environment };
  const configFile = findConfigFile(request.appDirectory, request.environment['HOME']);
  const flags = flagLayer(request.flags, surroundings, request.describeFlag);
  const layers = [
    flags,
    environmentLayer(surroundings),
    ...(configFile === undefined
      ? []
      : [await (await import('./file.ts')).fileLayer(configFile, request.appDirectory, surroundings)]),
    defaultLayer(),
  ];
  const merged = mergeLayers(layers);
  const env = await mergeEnvironment(layers);
  checkAddresses(merged);
  const settings = toSettings(
    merged,
    flags,
    new Map([...env].map(([name, { value }]) => [name, value])),
    configFile,
  );
  return { settings, merged, origins: () => originsOf(merged, env) };
};

const originsOf = (merged: Layer, env: ReadonlyMap<string, Variable>): Map<string, string> => {
  const settings = [...merged].filter(([name]) => name !== 'app.env' && name !== 'app.env_file');
  return new Map([
    ...settings.map(([name, entry]): [string, string] => [name, entry.origin()]),
    ...[...env].map(([name, { origin }]): [string, string] => [`app.env.${name}`, origin()]),
  ]);
};

/** What only the merged settings can tell: addresses and host ports that are held twice. */
const checkAddresses = (merged: Layer): void => {
  const bind = merged.get('network.bind');
  const forwards = merged.get('network.forwards');
  if (bind === undefined || forwards === undefined) return;
  bind.value.forEach((address, index) => {
    const earlier = bind.value.slice(0, index).find((other) => addressesOverlap(address, other));
    if (earlier === undefined) return;
    bind.fail(
      new WasmrunError('BIND_INVALID', `"${earlier}" and "${address}" overlap`, {
        hint: 'keep only one of them',
      }),
      index,
    );
  });
  const [duplicate] = findDuplicateHostPorts(forwards.value, bind.value);
  if (duplicate !== undefined) forwards.fail(duplicateForwardError(duplicate), duplicate.index);
};

/** A setting's value; for settings with a default there always is one. */
const required = <Name extends FieldName>(merged: Layer, name: Name): FieldValue<Name> => {
  const entry = merged.get(name);
  if (entry === undefined) throw new Error(`the setting ${name} has no default`);
  return entry.value;
};

/** Rules say that there is a list; without any nothing is allowed. */
const outboundMode = (merged: Layer, flags: Layer): OutboundMode => {
  const mode = merged.get('network.outbound');
  const allow = merged.get('network.egress.allow');
  const hasRules = allow !== undefined && allow.value.length > 0;
  if (mode === undefined) return hasRules ? 'allow-list' : 'none';
  const isInherited = mode !== flags.get('network.outbound');
  if (mode.value === 'none' && hasRules && allow === flags.get('network.egress.allow') && isInherited) {
    allow.fail(
      new WasmrunError('EGRESS_INVALID', `outbound connections are off (${mode.origin()})`, {
        hint: 'add --outbound allow-list',
      }),
    );
  }
  return mode.value;
};

const toSettings = (
  merged: Layer,
  flags: Layer,
  env: ReadonlyMap<string, string>,
  configFile: string | undefined,
): Settings => {
  return {
    configFile,
    app: {
      name: merged.get('app.name')?.value,
      language: merged.get('app.language')?.value,
      module: merged.get('app.module')?.value,
      args: required(merged, 'app.args'),
      env: Object.fromEntries(env),
      sitePackages: required(merged, 'app.site_packages'),
      directories: required(merged, 'app.dirs'),
      tmpfs: required(merged, 'app.tmpfs'),
      memory: merged.get('app.memory')?.value,
    },
    build: { command: merged.get('build.command')?.value, output: merged.get('build.output')?.value },
    network: {
      forwards: required(merged, 'network.forwards'),
      bind: required(merged, 'network.bind'),
      transport: required(merged, 'network.transport'),
      outbound: outboundMode(merged, flags),
      allow: required(merged, 'network.egress.allow'),
      peers: required(merged, 'network.peers'),
      isolation: required(merged, 'network.isolation'),
      namespacePrefix: required(merged, 'network.namespace_prefix'),
      addressPool: required(merged, 'network.address_pool'),
    },
    postgres: postgresSettings(merged),
    watch: {
      paths: required(merged, 'watch.paths'),
      ignore: required(merged, 'watch.ignore'),
      reload: required(merged, 'watch.reload'),
      graceMs: required(merged, 'watch.grace_ms'),
      includeNodeModules: required(merged, 'watch.node_modules'),
      pollMs: merged.get('watch.poll_ms')?.value,
      debounceMs: required(merged, 'watch.debounce_ms'),
    },
  };
};

const postgresSettings = (merged: Layer): PostgresSettings => ({
  database: merged.get('postgres.database')?.value,
  user: required(merged, 'postgres.user'),
  password: merged.get('postgres.password')?.value,
  data: merged.get('postgres.data')?.value,
  init: required(merged, 'postgres.init'),
  extensions: required(merged, 'postgres.extensions'),
  slowMs: required(merged, 'postgres.slow_ms'),
  parameters: Object.fromEntries(required(merged, 'postgres.settings')),
});
