/** A named network namespace with a veth pair to the host; takes root. */
import { spawn } from 'node:child_process';
import { chooseLink, hostNetworks } from '../../network/address-pool.ts';
import { namespaceName, vethName } from '../../network/names.ts';
import { checkNamespaceFree, createNamespace, hasInterface, probeLink } from '../../network/namespace.ts';
import type { Link } from '../../network/namespace.ts';
import { mayManageNetworks } from '../../os/capability.ts';
import type { Enclosure, Isolation, PlanRequest } from '../isolation.ts';
import type { SandboxRecord } from '../record.ts';

export const namespaceIsolation: Isolation = {
  name: 'namespace',
  hasLink: true,
  suits: mayManageNetworks,
  probe: async () =>
    mayManageNetworks() ? probeLink() : { ok: false, reason: 'it needs root', hint: 'run wasmrun with sudo' },
  plan: ({ name, prefix, addressPools, user, living }) => {
    const namespace = namespaceName(prefix, name);
    checkNamespaceFree(namespace);
    const { slot, link } = chooseFreeLink(prefix, addressPools, living);
    return {
      record: { isolation: 'namespace', namespace, slot, link },
      open: async () => enclose(namespace, link, user),
    };
  },
};

const enclose = (name: string, link: Link, user: PlanRequest['user']): Enclosure => {
  const namespace = createNamespace(name);
  return {
    engineUser: user,
    link,
    virtualPorts: false,
    // The child is forked by this thread, hence into the namespace this thread is in.
    spawn: (file, args, options) => namespace.run(() => spawn(file, args, options)),
    connect: async (toHost) => (toHost ? namespace.connect(link) : namespace.seclude(link.sandboxAddress)),
    identity: () => namespace.identity(),
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  };
};

/** A strange interface may have the name of one of ours: what a record names, a sweep removes. */
const chooseFreeLink = (
  prefix: string,
  pools: readonly string[],
  living: readonly SandboxRecord[],
): { slot: number; link: Link } => {
  const taken = new Set(
    living.flatMap(({ enclosure }) => (enclosure.isolation === 'namespace' ? [enclosure.slot] : [])),
  );
  const routes = hostNetworks();
  for (;;) {
    const { slot, ...addresses } = chooseLink({ pools, taken, routes });
    const veth = vethName(prefix, slot);
    if (!hasInterface(veth)) return { slot, link: { veth, ...addresses } };
    taken.add(slot);
  }
};
