/** The definition of a sandbox with a guest that greets, for tests that start one through the library. */
import type { SandboxDefinition } from '../../src/sandbox/definition.ts';
import { guestPath } from './engine.ts';

/** A sandbox `hello` that listens on 3000, forwarded from a free host port. */
export const defineHello = (prefix: string, changes: Partial<SandboxDefinition> = {}): SandboxDefinition => ({
  name: 'hello',
  nameIsExplicit: false,
  id: '0123456789ab',
  language: 'wasm',
  app: '/srv',
  isDetached: false,
  prefix,
  module: guestPath('hello-preview1'),
  args: ['hello'],
  env: {},
  directories: [],
  tmpfs: [],
  forwards: [{ protocol: 'tcp', addresses: ['127.0.0.1', '::1'], hostPort: 0, processPort: 3000 }],
  isolation: 'namespace',
  transport: 'auto',
  outbound: { mode: 'none', rules: [] },
  peers: [],
  addressPools: ['10.231.0.0/16'],
  user: { uid: 65_534, gid: 65_534 },
  ...changes,
});
