/** What the engine's own Node computes for the guest with objects it keeps: crypto, TLS and zlib. */
import { cryptoFunctions } from './crypto-functions.ts';
import type { CryptoHost } from './crypto-functions.ts';
import type { HostFunction } from './bridge.ts';
import { histogramFunctions } from './histogram-functions.ts';
import { intlFunctions } from './intl-functions.ts';
import { digestFunctions } from './digest-functions.ts';
import { NativeObjects } from './native-objects.ts';
import { rootCertificateFunctions } from './root-certificates.ts';
import { tlsFunctions } from './tls-functions.ts';
import type { TlsHost } from './tls-events.ts';
import { zlibFunctions } from './zlib-functions.ts';

/** Bytes of the engine that they may take for the guest. */
const MEMORY = 512 << 20;

export interface NativeHost extends CryptoHost, TlsHost {}

export const nativeFunctions = (host: NativeHost): Readonly<Record<string, HostFunction>> => {
  const objects = new NativeObjects(MEMORY);
  return {
    ...cryptoFunctions(objects, host),
    ...digestFunctions(objects),
    ...rootCertificateFunctions(),
    ...tlsFunctions(objects, host),
    ...zlibFunctions(objects),
    ...intlFunctions(objects),
    ...histogramFunctions(objects),
  };
};
