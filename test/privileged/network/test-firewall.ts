/** A firewall of its own for a test, and sandboxes that take part in it. */
import { execFileSync } from 'node:child_process';
import { type Firewall, openFirewall, removeFirewall } from '../../../src/network/firewall.ts';
import { createSandbox, expectNothingLeft, randomPrefix, type TestSandbox } from './test-network.ts';

/** Runs the nft command: what a person or another program would do to our table. */
export const nft = (...args: string[]): void => void execFileSync('nft', args);

/** A table with a prefix of its own, removed at the end of the scope. */
export const openTestFirewall = async () => {
  const prefix = randomPrefix();
  const firewall = await openFirewall({ prefix });
  return {
    prefix,
    firewall,
    async [Symbol.asyncDispose]() {
      await removeFirewall({ prefix });
      using _ = expectNothingLeft(prefix);
    },
  };
};

/** A connected namespace that takes part in the network. */
export const createMember = async (
  { prefix, firewall }: { prefix: string; firewall: Firewall },
  slot: number,
): Promise<TestSandbox> => {
  const stack = new AsyncDisposableStack();
  const { namespace, link } = stack.use(createSandbox(prefix, slot));
  stack.use(await firewall.admit(link));
  return { namespace, link, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};
