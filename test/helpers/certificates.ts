/** Certificates for tests of TLS, made by openssl each time: nothing of them is kept, and none ever expires. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificates extends Disposable {
  /** Where `ca.pem`, and `server`, `other` and `client` with `.pem` and `.key` lie, for everybody to read. */
  readonly directory: string;
}

/** Who is certified, and for what names. */
const SUBJECTS = {
  server: 'DNS:localhost,IP:127.0.0.1',
  other: 'DNS:other.test,DNS:*.wild.test',
  client: 'email:client@example.test',
} as const;

/**
 * An authority and what it has signed.
 * @param addresses - IP addresses the server is certified for besides 127.0.0.1
 */
export const makeCertificates = (addresses: readonly string[] = []): Certificates => {
  const directory = mkdtempSync(join(tmpdir(), 'wasmrun-certificates-'));
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=Test CA',
  );
  for (const [name, names] of Object.entries(SUBJECTS)) {
    const also = name === 'server' ? addresses.map((address) => `,IP:${address}`).join('') : '';
    writeFileSync(join(directory, `${name}.ext`), `subjectAltName=${names}${also}\n`);
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/O=wasmrun/CN=${name}`);
    const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`];
    openssl('x509', '-req', '-in', `${name}.csr`, ...authority, '-out', `${name}.pem`, '-days', '2');
    chmodSync(join(directory, `${name}.key`), 0o644);
  }
  chmodSync(directory, 0o755);
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
};
