/**
 * No namespace: the engine stands in the host's own network, where its system call filter leaves it no port and
 * no address to send to. Ports of the guest exist in the engine alone; what leads in are the held listeners.
 * For systems without namespaces, and for hosts that forbid them.
 */
import { spawn } from 'node:child_process';
import type { Isolation } from '../isolation.ts';

export const virtualIsolation: Isolation = {
  name: 'virtual',
  hasLink: false,
  // Where there is something better, this has to be asked for.
  suits: () => process.platform !== 'linux',
  probe: async () => ({ ok: true }),
  plan: ({ user }) => ({
    record: { isolation: 'virtual' },
    open: async () => ({
      engineUser: user,
      link: undefined,
      virtualPorts: true,
      spawn: (file, args, options) => spawn(file, args, options),
      async connect() {
        // There is nothing to connect.
      },
      identity: () => undefined,
      async [Symbol.asyncDispose]() {
        // The engine is all there was.
      },
    }),
  }),
};
