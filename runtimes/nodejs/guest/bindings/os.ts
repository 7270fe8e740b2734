/** `internalBinding('os')`: the sandbox as a computer; nothing of the host is told that a server needs not know. */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { launched } from '../launch.ts';
import { availableMemory } from './process.ts';

const NOBODY = 65_534;
const MS_PER_SECOND = 1000;
const NO_HARDWARE = '00:00:00:00:00:00';

/** Name, address, netmask, family, hardware address, whether it is internal, and the scope of IPv6 (node_os.cc). */
const LOOPBACK_IPV4 = ['lo', '127.0.0.1', '255.0.0.0', 'IPv4', NO_HARDWARE, true, -1];
const LOOPBACK_IPV6 = ['lo', '::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'IPv6', NO_HARDWARE, true, 0];

/** Whether the sandbox's loopback interface has its address of IPv6: it can be bound to. */
const hasIpv6 = (): boolean => {
  const id = host.tcpBind('::1', 0, 0);
  if (id > 0) host.handleClose(id);
  return id > 0;
};

export const createOs = (): Binding => ({
  isBigEndian: false,
  getHostname: () => launched().env['HOSTNAME'] ?? 'sandbox',
  getOSInformation: () => ['Linux', '', '', 'wasm32'],
  getCPUs: () => ['WebAssembly', 0, 0, 0, 0, 0, 0],
  getAvailableParallelism: () => 1,
  getFreeMem: availableMemory,
  getTotalMem: () => launched().memory,
  getHomeDirectory: () => launched().env['HOME'] ?? '/',
  getInterfaceAddresses: () => (hasIpv6() ? [...LOOPBACK_IPV4, ...LOOPBACK_IPV6] : LOOPBACK_IPV4),
  getLoadAvg: (into: Float64Array) => void into.fill(0),
  getUptime: () => host.now() / MS_PER_SECOND,
  getPriority: () => 0,
  setPriority: () => 0,
  getUserInfo: () => ({
    uid: NOBODY,
    gid: NOBODY,
    username: 'nobody',
    homedir: launched().env['HOME'] ?? '/',
    shell: null,
  }),
});
