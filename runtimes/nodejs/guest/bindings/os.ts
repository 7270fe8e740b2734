/** `internalBinding('os')`: the sandbox as a computer; nothing of the host is told that a server needs not know. */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { launched } from '../launch.ts';

const NOBODY = 65_534;
const MS_PER_SECOND = 1000;

export const createOs = (): Binding => ({
  isBigEndian: false,
  getHostname: () => launched().env['HOSTNAME'] ?? 'sandbox',
  getOSInformation: () => ['Linux', '', '', 'wasm32'],
  getCPUs: () => ['WebAssembly', 0, 0, 0, 0, 0, 0],
  getAvailableParallelism: () => 1,
  getFreeMem: () => host.memoryUsage()[1] - host.memoryUsage()[2],
  getTotalMem: () => host.memoryUsage()[1],
  getHomeDirectory: () => launched().env['HOME'] ?? '/',
  getInterfaceAddresses: () => ['lo', '127.0.0.1', '255.0.0.0', 'IPv4', '00:00:00:00:00:00', true, -1],
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
