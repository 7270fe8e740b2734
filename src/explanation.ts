/**
 * Walks the way of one forward from the host port to the app, and names the first step that fails and what to do. It
 * looks at records and at the kernel, which tell the truth also where a supervisor is frozen.
 */
import { WasmrunError } from './errors.ts';
import { silentLog } from './log.ts';
import { formatPort, forwardNotFound } from './network/forward.ts';
import { broken, type Hop, ok, skipped } from './network/hop.ts';
import { filtersHop, interfaceHop, listenerHop, namespaceHop, redirectionHop } from './network/hops.ts';
import { namespacePath } from './network/namespace.ts';
import type { HeldForward } from './network/transport.ts';
import { redirectionsOf } from './network/transports/redirect.ts';
import type { Protocol } from './os/socket.ts';
import { FIREWALLS, transportsFor } from './platform.ts';
import { ControlClient } from './sandbox/control/control-client.ts';
import type { ForwardInfo } from './sandbox/control/sandbox-info.ts';
import {
  appHop,
  connectionsHop,
  engineHop,
  enginesOf,
  listenersOf,
  supervisorHop,
  virtualAppHop,
} from './sandbox/process-hops.ts';
import type { FoundRecord } from './sandbox/state.ts';
import { State } from './sandbox/state.ts';
import { Sandboxes } from './sandboxes.ts';

export interface Explanation {
  /** Name of the sandbox. */
  readonly sandbox: string;
  readonly protocol: Protocol;
  readonly hostPort: number;
  readonly processPort: number;
  /** In the order in which a connection takes them. */
  readonly hops: readonly Hop[];
  /** The first that is broken; absent where all is well. */
  readonly broken?: Hop;
}

export interface ExplanationRequest {
  /** Prefix of all kernel objects' names. */
  readonly prefix: string;
  /** Name or id. */
  readonly sandbox: string;
  /** Absent: its first forward. */
  readonly wanted?: WantedForward | undefined;
}

export interface WantedForward {
  readonly protocol: Protocol;
  /** 1–65535 */
  readonly hostPort: number;
}

/** How long a supervisor may take to say what only it knows, in ms. */
const ANSWER_MS = 1000;

/** @throws {WasmrunError} SANDBOX_NOT_FOUND, FORWARD_NOT_FOUND, PERMISSION_DENIED */
export const explainForward = async ({
  prefix,
  sandbox,
  wanted,
}: ExplanationRequest): Promise<Explanation> => {
  const state = new State(prefix);
  const found = findRecord(state, sandbox);
  const stopped = found === undefined ? await findStopped(prefix, sandbox) : undefined;
  const { name, forwards } = found?.record ?? stopped!;
  const forward = forwards.find(
    ({ hostPort, protocol }) =>
      wanted === undefined || (hostPort === wanted.hostPort && protocol === wanted.protocol),
  );
  if (forward === undefined) throw notForwarded(name, wanted, forwards);
  const hops =
    found === undefined
      ? [broken('sandbox', `${name} is stopped`, `wasmrun start ${name}`)]
      : await new Walk(found, forward, { prefix, state }).hops();
  const { protocol, hostPort, processPort } = forward;
  const first = hops.find((hop) => hop.state === 'broken');
  return { sandbox: name, protocol, hostPort, processPort, hops, ...(first && { broken: first }) };
};

/** One that runs, or that nobody has swept up after yet. */
const findRecord = (state: State, nameOrId: string): FoundRecord | undefined => {
  const all = state.peekAll() ?? [];
  const named = all.find(({ record }) => record.name === nameOrId);
  const [first, ...others] = all.filter(({ record }) => nameOrId !== '' && record.id.startsWith(nameOrId));
  return named ?? (others.length === 0 ? first : undefined);
};

const findStopped = async (
  prefix: string,
  nameOrId: string,
): Promise<{ name: string; forwards: readonly HeldForward[] }> => {
  const { name, stored } = await new Sandboxes(prefix, silentLog).find(nameOrId);
  return { name, forwards: stored?.forwards ?? [] };
};

const notForwarded = (
  name: string,
  wanted: WantedForward | undefined,
  forwards: readonly HeldForward[],
): WasmrunError => {
  const from = wanted && `from host port ${formatPort(wanted.hostPort, wanted.protocol)}`;
  return forwardNotFound(name, from, forwards);
};

class Walk {
  readonly #found: FoundRecord;
  readonly #forward: HeldForward;
  readonly #prefix: string;
  readonly #state: State;
  /** Of the engine in charge, where one lives. */
  readonly #engine: number | undefined;
  readonly #engines: readonly number[];
  /** What the kernel is to redirect. */
  readonly #redirections: ReturnType<typeof redirectionsOf>;

  constructor(found: FoundRecord, forward: HeldForward, { prefix, state }: { prefix: string; state: State }) {
    this.#found = found;
    this.#forward = forward;
    this.#prefix = prefix;
    this.#state = state;
    const { pid, transport: name } = found.record;
    this.#engines = found.isAlive ? enginesOf(pid) : [];
    this.#engine = this.#engines.at(-1);
    const transport = transportsFor(process.platform).find((each) => each.name === name);
    const isRedirected = transport?.firewall !== undefined && transport.carries(forward);
    const link = this.#link;
    this.#redirections = isRedirected && link !== undefined ? redirectionsOf(forward, link) : [];
  }

  async hops(): Promise<Hop[]> {
    const { record, isAlive } = this.#found;
    const sandbox = ok('sandbox', describeSandbox(this.#found));
    const supervisor = supervisorHop(this.#found);
    if (!isAlive) return [sandbox, supervisor];
    const info = supervisor.state === 'ok' ? await this.#ask() : undefined;
    const engine = engineHop(record, this.#engines);
    const app = this.#app(info);
    const isListening = this.#engine !== undefined && (this.#isVirtual || this.#listens);
    return [
      sandbox,
      supervisor,
      listenerHop(this.#forward, record),
      await this.#redirection(isListening),
      await filtersHop(this.#forward, {
        prefix: this.#prefix,
        link: this.#link,
        redirected: this.#redirections.map(({ address }) => address),
      }),
      this.#namespace(),
      this.#interface(),
      engine,
      app,
      connectionsHop(this.#forward, info),
    ];
  }

  get #link() {
    const { enclosure } = this.#found.record;
    return enclosure.isolation === 'namespace' ? enclosure.link : undefined;
  }

  get #isVirtual(): boolean {
    return this.#found.record.enclosure.isolation === 'virtual';
  }

  get #listens(): boolean {
    const engine = this.#engine;
    if (engine === undefined) return false;
    return listenersOf({ forward: this.#forward, engine, redirectedTo: undefined }).length > 0;
  }

  /** Undefined where the supervisor does not answer. */
  async #ask(): Promise<ForwardInfo | undefined> {
    const { name } = this.#found.record;
    const { protocol, hostPort } = this.#forward;
    try {
      const { forwards } = await new ControlClient(name, this.#state.controlPath(name)).info(ANSWER_MS);
      return forwards.find((each) => each.protocol === protocol && each.hostPort === hostPort);
    } catch (error) {
      if (error instanceof WasmrunError) return undefined;
      throw error;
    }
  }

  async #redirection(isListening: boolean): Promise<Hop> {
    const { firewall } = this.#found.record;
    const backend = FIREWALLS.find(({ name }) => name === firewall);
    const link = this.#link;
    const redirections = this.#redirections;
    if (backend === undefined || link === undefined || redirections.length === 0) {
      const who = this.#forward.protocol === 'tcp' ? 'the engine accepts' : 'the supervisor relays';
      return skipped('redirection', `nothing is redirected: ${who} what comes to the host port`);
    }
    return await redirectionHop({ backend, prefix: this.#prefix, link, redirections, isListening });
  }

  #namespace(): Hop {
    const { enclosure, name } = this.#found.record;
    if (enclosure.isolation === 'namespace') return namespaceHop(enclosure.namespace, name, this.#engine);
    return skipped(
      'namespace',
      this.#isVirtual
        ? 'there is none: ports of the app are in its engine alone (isolation virtual)'
        : 'it has no name, and lives with its processes (isolation user-namespace)',
    );
  }

  #interface(): Hop {
    const { enclosure, firewall } = this.#found.record;
    if (enclosure.isolation !== 'namespace')
      return skipped('interface', `there is none (isolation ${enclosure.isolation})`);
    if (firewall === undefined) return skipped('interface', 'there is none: no firewall works here');
    const { namespace, link } = enclosure;
    const inside = this.#engine === undefined ? namespacePath(namespace) : `/proc/${this.#engine}/ns/net`;
    return interfaceHop(link, { inside, isRedirected: this.#redirections.length > 0 });
  }

  #app(info: ForwardInfo | undefined): Hop {
    const { name } = this.#found.record;
    const engine = this.#engine;
    if (engine === undefined) return skipped('app', 'there is no engine for it to run in');
    if (this.#isVirtual) return virtualAppHop(name, this.#forward, info);
    const redirectedTo = this.#redirections[0]?.sandboxAddress;
    return appHop(name, { forward: this.#forward, engine, redirectedTo });
  }
}

const describeSandbox = ({ record, isAlive }: FoundRecord): string => {
  const { name, language, enclosure } = record;
  const where =
    enclosure.isolation === 'namespace'
      ? `namespace ${enclosure.namespace}, address ${enclosure.link.sandboxAddress}`
      : `isolation ${enclosure.isolation}`;
  return `${name} ${isAlive ? 'runs' : 'has run'} (${language}, ${where})`;
};
