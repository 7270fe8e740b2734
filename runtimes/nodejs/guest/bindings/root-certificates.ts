/** Authorities that are trusted where a context names none; the engine has Node's own. */
import { host } from '../host.ts';
import { launched } from '../launch.ts';
import { crossing, valueOf } from '../native-answers.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n?/g;

let extra: readonly string[] | undefined;
let isSet = false;

const bundledCertificates = (): string[] =>
  valueOf(host.cryptoCall('getBundledRootCertificates')) as string[];

const setRootCertificates = (certificates: readonly unknown[]): void => {
  valueOf(host.setRootCertificates(...certificates.map(crossing)));
  isSet = true;
};

/** Those of NODE_EXTRA_CA_CERTS, a file of the app's. */
const extraCertificates = (): readonly string[] => {
  if (extra !== undefined) return extra;
  const file = launched().env['NODE_EXTRA_CA_CERTS'] ?? '';
  extra = file === '' ? [] : (host.moduleText(file)?.match(CERTIFICATE) ?? []);
  if (file !== '' && extra.length === 0) {
    host.printText(2, `Warning: Ignoring extra certs from \`${file}\`, load failed\n`);
  }
  return extra;
};

/** Before a context gets the common ones. */
export const prepareRootCertificates = (): void => {
  if (isSet) return;
  isSet = true;
  const also = extraCertificates();
  if (also.length > 0) setRootCertificates([...bundledCertificates(), ...also]);
};

export const rootCertificates = {
  getExtraCACertificates: () => [...extraCertificates()],
  getSystemCACertificates: () => [],
  getUserRootCertificates: () => valueOf(host.userRootCertificates()),
  resetRootCertStore: setRootCertificates,
  startLoadingCertificatesOffThread: () => undefined,
};
