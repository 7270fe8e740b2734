/**
 * A user namespace and a network namespace without a name or a link: takes no root. Nothing of it outlives the
 * processes inside, so there is nothing to sweep; only held listeners, handed to the engine, lead in.
 */
import { once } from 'node:events';
import { WasmrunError } from '../../errors.ts';
import { createUserNamespace } from '../../network/user-namespace.ts';
import type { UserNamespace } from '../../network/user-namespace.ts';
import { findProgram } from '../../os/find-program.ts';
import type { Enclosure, Isolation, PlanRequest } from '../isolation.ts';

export const userNamespaceIsolation: Isolation = {
  name: 'user-namespace',
  hasLink: false,
  // Where the kernel forbids it, the error says what else there is: nothing weaker is chosen in silence.
  suits: () => true,
  probe: async () => {
    try {
      await using _namespace = await createUserNamespace(undefined);
      return { ok: true };
    } catch (error) {
      if (!(error instanceof WasmrunError)) throw error;
      return { ok: false, reason: error.message, ...(error.hint !== undefined && { hint: error.hint }) };
    }
  },
  plan: ({ user }) => ({ record: { isolation: 'user-namespace' }, open: () => enclose(user) }),
};

const enclose = async (user: PlanRequest['user']): Promise<Enclosure> => {
  const namespace = await createUserNamespace(user);
  return {
    engineUser: undefined,
    link: undefined,
    virtualPorts: false,
    spawn: (file, args, options) => namespace.spawnConfined(file, args, options),
    connect: () => raiseLoopback(namespace),
    identity: () => namespace.identity(),
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  };
};

/** Only a program that starts inside may change the namespace: one that is small, and there almost everywhere. */
const raiseLoopback = async (namespace: UserNamespace): Promise<void> => {
  const file = findProgram('ip');
  if (file === undefined) {
    throw new WasmrunError('NETWORK_SETUP_FAILED', 'ip is not installed; it is needed without root', {
      hint: 'apt-get install iproute2, or run wasmrun with sudo',
    });
  }
  const ip = namespace.spawnAsRoot(file, ['link', 'set', 'lo', 'up'], { stdio: 'pipe' });
  let complaint = '';
  ip.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const [status] = (await once(ip, 'close')) as [number | null];
  if (status === 0) return;
  throw new WasmrunError(
    'NETWORK_SETUP_FAILED',
    `cannot bring up lo inside the sandbox: ${complaint.trim()}`,
  );
};
