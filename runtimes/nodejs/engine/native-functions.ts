/** What the engine's own Node computes for the guest with objects it keeps: crypto and zlib. */
import { cryptoFunctions } from './crypto-functions.ts';
import type { CryptoHost } from './crypto-functions.ts';
import type { HostFunction } from './bridge.ts';
import { histogramFunctions } from './histogram-functions.ts';
import { intlFunctions } from './intl-functions.ts';
import { digestFunctions } from './digest-functions.ts';
import { NativeObjects } from './native-objects.ts';
import { zlibFunctions } from './zlib-functions.ts';

/** Bytes of the engine that they may take for the guest. */
const MEMORY = 512 << 20;

export const nativeFunctions = (host: CryptoHost): Readonly<Record<string, HostFunction>> => {
  const objects = new NativeObjects(MEMORY);
  return {
    ...cryptoFunctions(objects, host),
    ...digestFunctions(objects),
    ...zlibFunctions(objects),
    ...intlFunctions(objects),
    ...histogramFunctions(objects),
  };
};
