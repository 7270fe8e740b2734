/** What docs/transports.md says of each transport, seen by trying it: a row is a way to start, a column a question. */
import { readFileSync } from 'node:fs';
import { eventually, isRunning } from '../../helpers/cli.ts';
import type { Arrival, Conversation, Lab, LabSandbox } from './transport-lab.ts';

/** A way to run the command. */
export interface TransportRow {
  readonly name: string;
  readonly caller: 'root' | 'user';
  /** Options of `wasmrun os`. */
  readonly options: readonly string[];
}

export const ROWS: readonly TransportRow[] = [
  { name: 'nftables', caller: 'root', options: ['--transport', 'nftables'] },
  { name: 'iptables', caller: 'root', options: ['--transport', 'iptables'] },
  { name: 'handoff', caller: 'root', options: ['--transport', 'handoff'] },
  { name: 'handoff, without root', caller: 'user', options: ['--isolation', 'user-namespace'] },
  { name: 'handoff, `--isolation virtual`', caller: 'user', options: ['--isolation', 'virtual'] },
];

/** A question, and how its answer is found out on a machine of its own. */
export interface Property {
  /** Heading of its column. */
  readonly heading: string;
  observe(lab: Lab, row: TransportRow): Promise<string>;
}

/** The dummy address of RFC 7600, at which apps see clients of the relay. */
const RELAYED = '192.0.0.8';
/** More than an engine takes to notice that its supervisor is gone. */
const END_PATIENCE_MS = 15_000;

const yesOrNo = (answer: boolean): string => (answer ? 'yes' : 'no');

/** Which way a connection came in, told by the address at which the app got it. */
const wayOf = (arrival: Arrival | undefined, { address }: LabSandbox): string => {
  if (arrival === undefined) return 'no';
  return arrival.local.address === address ? 'redirected' : 'handed over';
};

const clientOf = ({ arrival, port }: Conversation, { firstLink }: Lab): string => {
  if (arrival === undefined) return 'no';
  const { peer } = arrival;
  if (peer.address === '127.0.0.1' && peer.port === port) return 'as it is';
  return peer.address === firstLink.hostAddress ? "as the link's host end" : `as ${peer.address}`;
};

/** By which way a client gets in. */
const reached = (
  heading: string,
  setting: {
    readonly options?: (lab: Lab) => readonly string[];
    readonly listenOn?: (lab: Lab) => string;
    readonly host?: (lab: Lab) => string;
    readonly from?: 'machine' | 'neighbour';
  },
): Property => ({
  heading,
  async observe(lab, row) {
    const listenOn = setting.listenOn?.(lab);
    await using sandbox = await lab.start({
      caller: row.caller,
      options: [...row.options, ...(setting.options?.(lab) ?? [])],
      ...(listenOn !== undefined && { listenOn }),
    });
    const host = setting.host?.(lab) ?? '127.0.0.1';
    await using conversation = await lab.connect(host, sandbox.port, setting.from);
    return wayOf(conversation.arrival, sandbox);
  },
});

/** By which way datagrams get in and answers out. */
const reachedByDatagrams = (host: string): Property => ({
  heading: `UDP to ${host}`,
  async observe(lab, row) {
    await using sandbox = await lab.start({ ...row, protocol: 'udp' });
    const client = await lab.askForDatagrams(host, sandbox.port);
    if (client === undefined) return 'no';
    if (client === RELAYED) return 'relayed';
    return client === lab.firstLink.hostAddress ? 'redirected' : `as ${client}`;
  },
});

/** What is seen of a connection to 127.0.0.1. */
const seen = (
  heading: string,
  look: (
    conversation: Conversation,
    sandbox: LabSandbox,
    lab: Lab,
    row: TransportRow,
  ) => string | Promise<string>,
): Property => ({
  heading,
  async observe(lab, row) {
    await using sandbox = await lab.start(row);
    await using conversation = await lab.connect('127.0.0.1', sandbox.port);
    return await look(conversation, sandbox, lab, row);
  },
});

/** Flushes all rules of the machine; the supervisor notices nothing until the end of the scope. */
const flushRules = (lab: Lab, { run }: LabSandbox): Disposable => {
  run.process.kill('SIGSTOP');
  lab.command('nft', 'flush', 'ruleset');
  return { [Symbol.dispose]: () => void run.process.kill('SIGCONT') };
};

const says = (error: unknown, words: RegExp): boolean => error instanceof Error && words.test(error.message);

const processName = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();

export const PROPERTIES: readonly Property[] = [
  reached('127.0.0.1', {}),
  reached('::1', { host: () => '::1' }),
  reachedByDatagrams('127.0.0.1'),
  reachedByDatagrams('::1'),
  reached('LAN, with `--bind`', {
    options: ({ lanAddress }) => ['--bind', lanAddress],
    host: ({ lanAddress }) => lanAddress,
    from: 'neighbour',
  }),
  reached('LAN, without', { host: ({ lanAddress }) => lanAddress, from: 'neighbour' }),
  reached('app listens on its 127.0.0.1 only', { listenOn: () => '127.0.0.1' }),
  {
    heading: 'app listens on its eth0 only',
    async observe(lab, row) {
      const listenOn = lab.firstLink.sandboxAddress;
      try {
        await using sandbox = await lab.start({ ...row, listenOn });
        await using conversation = await lab.connect('127.0.0.1', sandbox.port);
        return wayOf(conversation.arrival, sandbox);
      } catch (error) {
        if (!says(error, /cannot listen/)) throw error;
        return 'it has none';
      }
    },
  },
  seen('the app sees the client', (conversation, _sandbox, lab) => clientOf(conversation, lab)),
  seen('processes in between', ({ port, pid }, sandbox) => {
    const others = sandbox.holdersOf(port).filter((holder) => holder !== pid && holder !== sandbox.engine);
    return others.length === 0 ? 'none' : [...new Set(others.map(processName))].join(', ');
  }),
  {
    heading: 'needs root',
    async observe(lab, { options }) {
      try {
        await using sandbox = await lab.start({ options, caller: 'user' });
        await using conversation = await lab.connect('127.0.0.1', sandbox.port);
        return yesOrNo(conversation.arrival === undefined);
      } catch (error) {
        if (!says(error, /does not work with the isolation user-namespace/)) throw error;
        return 'yes';
      }
    },
  },
  seen('after `nft flush ruleset`: new connections', async (_conversation, sandbox, lab) => {
    using _ = flushRules(lab, sandbox);
    await using fresh = await lab.connect('127.0.0.1', sandbox.port);
    return wayOf(fresh.arrival, sandbox);
  }),
  seen('those that were open', async (conversation, sandbox, lab) => {
    using _ = flushRules(lab, sandbox);
    return (await conversation.isAnswered()) ? 'go on' : 'break';
  }),
  seen('after `kill -9` of wasmrun', async (_conversation, sandbox, lab, { caller }) => {
    sandbox.run.process.kill('SIGKILL');
    await sandbox.run.ended;
    const isGone = await eventually(() => !isRunning(sandbox.engine), END_PATIENCE_MS);
    await using fresh = await lab.connect('127.0.0.1', sandbox.port);
    await lab.collectGarbage(caller);
    if (fresh.arrival !== undefined) return 'goes on';
    return isGone ? 'the app ends' : 'unreachable';
  }),
];
