/** Says how a running sandbox is, for people and programs that ask. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { ConnectionCount } from '../network/forward-connections.ts';
import { forwardUrls } from '../network/forward-url.ts';
import { LINK_PREFIX_LENGTH, SANDBOX_INTERFACE, namespacePath } from '../network/namespace.ts';
import { inNamespace } from '../os/network-namespace.ts';
import type { ForwardInfo, NetworkConfig, SandboxInfo } from './control/sandbox-info.ts';
import type { ForwardState } from './forwards.ts';
import type { EnclosureRecord } from './record.ts';
import type { Sandbox } from './sandbox.ts';

/** @param restarts - how often its app was started again after it had ended by itself */
export const describeSandbox = async (
  sandbox: Sandbox,
  { restarts }: { readonly restarts: number },
): Promise<SandboxInfo> => {
  const { record, generation } = sandbox;
  const { id, name, pid, language, app, startedAt, isDetached, enclosure } = record;
  const enginePid = generation.isOver ? undefined : generation.pid;
  const memory = enginePid === undefined ? undefined : residentSet(enginePid);
  const network = networkOf(enclosure);
  return {
    id,
    name,
    state: sandbox.isStopping ? 'stopping' : generation.isOver ? 'waiting' : 'running',
    pid,
    ...(enginePid !== undefined && { enginePid }),
    language,
    app,
    isolation: enclosure.isolation,
    ...(network !== undefined && { network }),
    startedAt,
    generation: generation.number,
    restarts,
    ...(memory !== undefined && { memory }),
    forwards: await describeForwards(sandbox),
    isDetached,
  };
};

/** With what the kernel and the engine have counted; of TCP what is connected to a host port that waits counts, too. */
const describeForwards = async (sandbox: Sandbox): Promise<ForwardInfo[]> => {
  const traffic = await sandbox.traffic();
  const count = new ConnectionCount();
  return sandbox.ports.states.map((state) => {
    const { forward } = state.held;
    const connections = count.through(forward);
    const counted = traffic.find(
      ({ protocol, port }) => protocol === forward.protocol && port === forward.processPort,
    );
    const { accepted = 0, received = 0, sent = 0 } = counted ?? {};
    return {
      ...describeForward(state),
      ...(connections !== undefined && { connections }),
      traffic: { accepted, received, sent },
    };
  });
};

export const describeForward = ({ held, carrier }: ForwardState): ForwardInfo => {
  const { protocol, addresses, hostPort, processPort } = held.forward;
  return {
    protocol,
    addresses,
    hostPort,
    processPort,
    url: forwardUrls(held.forward)[0] ?? '',
    state: carrier === undefined ? 'waiting' : 'open',
    ...(carrier !== undefined && { transport: carrier }),
  };
};

/** `VmRSS` of proc_pid_status(5), in bytes; undefined for a process that is gone. */
const residentSet = (pid: number): number | undefined => {
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
};

const networkOf = (enclosure: EnclosureRecord): NetworkConfig | undefined => {
  if (enclosure.isolation !== 'namespace') return undefined;
  const { namespace, link } = enclosure;
  const fd = openSync(namespacePath(namespace), 'r');
  using _ = { [Symbol.dispose]: () => closeSync(fd) };
  const interfaces = inNamespace(fd, () => networkInterfaces());
  return {
    address: link.sandboxAddress,
    gateway: link.hostAddress,
    prefixLength: LINK_PREFIX_LENGTH,
    netmask: netmaskOf(LINK_PREFIX_LENGTH),
    namespace,
    hostInterface: link.veth,
    guestInterface: SANDBOX_INTERFACE,
    macAddress: interfaces[SANDBOX_INTERFACE]?.[0]?.mac ?? NO_MAC,
  };
};

/** What Linux says of an interface without an address of its own. */
const NO_MAC = '00:00:00:00:00:00';

/** 31 → `255.255.255.254`. */
const netmaskOf = (prefixLength: number): string => {
  const bits = prefixLength === 0 ? 0 : (-1 << (32 - prefixLength)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
};
