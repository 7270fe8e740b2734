/** What docs/transports.md says of each transport, seen by trying it: a row is a way to start, a column a question. */
import { readFileSync } from 'node:fs';
import { eventually, isRunning } from '../../helpers/cli.ts';
import type { Arrival, Conversation, Lab, LabSandbox } from './transport-lab.ts';

/** A way to run the command. */
export interface TransportRow {
  readonly name: string;
  /** Options of `wasmrun os`. */
  readonly options: readonly string[];
}

export const ROWS: readonly TransportRow[] = [
  { name: 'nftables', options: ['--transport', 'nftables'] },
  { name: 'iptables', options: ['--transport', 'iptables'] },
  { name: 'handoff', options: ['--transport', 'handoff'] },
];

/** A question, and how its answer is found out on a machine of its own. */
export interface Property {
  /** Heading of its column. */
  readonly heading: string;
  observe(lab: Lab, row: TransportRow): Promise<string>;
}

/** uid of nobody on Debian; any but 0 would do. */
const NOBODY = 65_534;
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
      options: [...row.options, ...(setting.options?.(lab) ?? [])],
      ...(listenOn !== undefined && { listenOn }),
    });
    const host = setting.host?.(lab) ?? '127.0.0.1';
    await using conversation = await lab.connect(host, sandbox.port, setting.from);
    return wayOf(conversation.arrival, sandbox);
  },
});

/** What is seen of a connection to 127.0.0.1. */
const seen = (
  heading: string,
  look: (conversation: Conversation, sandbox: LabSandbox, lab: Lab) => string | Promise<string>,
): Property => ({
  heading,
  async observe(lab, { options }) {
    await using sandbox = await lab.start({ options });
    await using conversation = await lab.connect('127.0.0.1', sandbox.port);
    return await look(conversation, sandbox, lab);
  },
});

/** Flushes all rules of the machine; the supervisor notices nothing until the end of the scope. */
const flushRules = (lab: Lab, { run }: LabSandbox): Disposable => {
  run.process.kill('SIGSTOP');
  lab.command('nft', 'flush', 'ruleset');
  return { [Symbol.dispose]: () => void run.process.kill('SIGCONT') };
};

const processName = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();

export const PROPERTIES: readonly Property[] = [
  reached('127.0.0.1', {}),
  reached('::1', { host: () => '::1' }),
  reached('LAN, with `--bind`', {
    options: ({ lanAddress }) => ['--bind', lanAddress],
    host: ({ lanAddress }) => lanAddress,
    from: 'neighbour',
  }),
  reached('LAN, without', { host: ({ lanAddress }) => lanAddress, from: 'neighbour' }),
  reached('app listens on its 127.0.0.1 only', { listenOn: () => '127.0.0.1' }),
  reached('app listens on its eth0 only', { listenOn: ({ firstLink }) => firstLink.sandboxAddress }),
  seen('the app sees the client', (conversation, _sandbox, lab) => clientOf(conversation, lab)),
  seen('processes in between', ({ port, pid }, sandbox) => {
    const others = sandbox.holdersOf(port).filter((holder) => holder !== pid && holder !== sandbox.engine);
    return others.length === 0 ? 'none' : [...new Set(others.map(processName))].join(', ');
  }),
  {
    heading: 'needs root',
    async observe(lab, { options }) {
      try {
        await using sandbox = await lab.start({ options, uid: NOBODY });
        await using conversation = await lab.connect('127.0.0.1', sandbox.port);
        return yesOrNo(conversation.arrival === undefined);
      } catch (error) {
        if (!(error instanceof Error && /needs root/.test(error.message))) throw error;
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
  seen('after `kill -9` of wasmrun', async (_conversation, sandbox, lab) => {
    sandbox.run.process.kill('SIGKILL');
    await sandbox.run.ended;
    const isGone = await eventually(() => !isRunning(sandbox.engine), END_PATIENCE_MS);
    await using fresh = await lab.connect('127.0.0.1', sandbox.port);
    await lab.collectGarbage();
    if (fresh.arrival !== undefined) return 'goes on';
    return isGone ? 'the app ends' : 'unreachable';
  }),
];
