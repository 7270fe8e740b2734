/** The authorities that contexts of TLS trust where they are told no others: Node's own, until the guest sets its. */
import type { HostFunction } from './bridge.ts';
import { engineBinding } from './engine-binding.ts';
import { answer } from './native-answers.ts';
import type { Crossing } from './values.ts';

/** Characters and bytes of all that the guest ever sets: contexts keep what was set when they were made. */
const MOST = 16 << 20;

const binding = engineBinding('crypto') as {
  readonly resetRootCertStore: (certificates: readonly (string | Uint8Array)[]) => void;
  readonly getUserRootCertificates: () => string[];
};

export const rootCertificateFunctions = (): Readonly<Record<string, HostFunction>> => {
  let left = MOST;
  let isSet = false;
  const set = (values: readonly Crossing[]): void => {
    const given = values.filter((value) => typeof value === 'string' || value instanceof Uint8Array);
    left -= given.reduce((sum, { length }) => sum + length, 0);
    if (left < 0 || given.length < values.length) {
      throw new RangeError('A sandbox of wasmrun takes no more root certificates');
    }
    binding.resetRootCertStore(given);
    isSet = true;
  };
  return {
    setRootCertificates: (...values: Crossing[]) => answer(() => set(values)),
    // The binding ends the process where none were set.
    userRootCertificates: () => answer(() => (isSet ? binding.getUserRootCertificates() : [])),
  };
};
