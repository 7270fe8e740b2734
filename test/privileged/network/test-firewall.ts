/** Every kind of firewall for the tests, a wall of their own, and sandboxes that stand behind it. */
import { execFileSync } from 'node:child_process';
import { Firewall, type FirewallBackend } from '../../../src/network/firewall.ts';
import { createIptablesBackend } from '../../../src/network/firewalls/iptables.ts';
import { createNftablesBackend } from '../../../src/network/firewalls/nftables.ts';
import { createNftRunner } from '../../../src/os/nft.ts';
import { createSandbox, expectNothingLeft, linesOf, randomPrefix, type TestSandbox } from './test-network.ts';

/** Runs the nft command: what a person or another program would do to our table. */
export const nft = (...args: string[]): void => void execFileSync('nft', args);

/** A kind of firewall, and what a person or another program would do to its rules. */
export interface FirewallKind {
  readonly kind: string;
  readonly create: () => FirewallBackend;
  /** Removes the rules of one of our chains. */
  readonly flush: (prefix: string, chain: 'guard' | 'to_host' | 'through_host') => void;
  /** Our rules as the system's own tool lists them. */
  readonly list: (prefix: string) => string;
  /** Makes something of someone else's under the name of one of ours; disposing removes it. */
  readonly occupy: (prefix: string) => Disposable;
}

const nftables = (kind: string, create: () => FirewallBackend): FirewallKind => ({
  kind,
  create,
  flush: (prefix, chain) => nft('flush', 'chain', 'inet', prefix, chain),
  list: (prefix) => linesOf('nft', 'list', 'table', 'inet', prefix).join('\n'),
  occupy: (prefix) => {
    nft(`add table inet ${prefix}; add chain inet ${prefix} guard; add rule inet ${prefix} guard accept`);
    return { [Symbol.dispose]: () => nft('delete', 'table', 'inet', prefix) };
  },
});

const iptables = (kind: 'iptables-nft' | 'iptables-legacy'): FirewallKind => {
  const run = (...args: string[]): void => void execFileSync(kind, ['--wait', '5', ...args]);
  return {
    kind,
    create: () => createIptablesBackend({ restore: `${kind}-restore`, save: `${kind}-save` }),
    flush: (prefix, chain) =>
      run('--table', chain === 'guard' ? 'raw' : 'filter', '--flush', `${prefix}-${chain}`),
    list: (prefix) =>
      linesOf(`${kind}-save`)
        .filter((line) => line.includes(prefix))
        .join('\n'),
    occupy: (prefix) => {
      run('--new-chain', `${prefix}-to_host`);
      run('--append', `${prefix}-to_host`, '--jump', 'ACCEPT');
      return {
        [Symbol.dispose]: () => {
          run('--flush', `${prefix}-to_host`);
          run('--delete-chain', `${prefix}-to_host`);
        },
      };
    },
  };
};

export const FIREWALL_KINDS: readonly FirewallKind[] = [
  nftables('nftables', createNftablesBackend),
  nftables('nftables by command', () => createNftablesBackend({ nft: createNftRunner('libabsent.so.1') })),
  iptables('iptables-nft'),
  iptables('iptables-legacy'),
];

/** One of each set of rules: whether nftables is spoken to by library or by command is all the same to packets. */
export const WALLS = FIREWALL_KINDS.filter(({ kind }) => kind !== 'nftables by command');

export interface TestFirewall extends AsyncDisposable {
  readonly prefix: string;
  readonly backend: FirewallBackend;
  readonly firewall: Firewall;
}

/** A wall with a prefix of its own, removed at the end of the scope. */
export const openTestFirewall = async ({ create }: Pick<FirewallKind, 'create'>): Promise<TestFirewall> => {
  const prefix = randomPrefix();
  const backend = create();
  await backend.raise(prefix);
  return {
    prefix,
    backend,
    firewall: new Firewall(backend, prefix),
    async [Symbol.asyncDispose]() {
      await backend.remove(prefix);
      using _ = expectNothingLeft(prefix);
    },
  };
};

/** A connected namespace that takes part in the network. */
export const createMember = async (
  { prefix, firewall }: Pick<TestFirewall, 'prefix' | 'firewall'>,
  slot: number,
): Promise<TestSandbox> => {
  const stack = new AsyncDisposableStack();
  const { namespace, link } = stack.use(createSandbox(prefix, slot));
  stack.use(await firewall.admit(link));
  return { namespace, link, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};
