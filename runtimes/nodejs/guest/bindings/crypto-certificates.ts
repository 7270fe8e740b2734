/** Certificates of `internalBinding('crypto')`: what the library derives X509Certificate from. */
import { NativeObject, onNative } from '../native-answers.ts';
import type { MakeClasses } from './crypto-keys.ts';

/** A certificate that the engine has found, before the library has made its own object of it. */
class FoundCertificate extends NativeObject {}

onNative('X509Certificate', (number) => {
  const found = new FoundCertificate();
  found.adopt(number);
  return found;
});

/** The library puts objects of its own between this class and those it makes of it: only private fields are sure. */
class NativeX509Certificate {
  readonly #native: NativeObject;

  constructor(source: unknown) {
    if (source instanceof FoundCertificate) {
      this.#native = source;
    } else {
      this.#native = new NativeObject();
      this.#native.make('X509Certificate', [source]);
    }
  }

  static has(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #native in value;
  }

  static native(certificate: NativeX509Certificate): NativeObject {
    return certificate.#native;
  }

  checkIssued(other: NativeX509Certificate): unknown {
    return this.#native.call('checkIssued', other.#native);
  }
}

const METHODS = (
  'subject subjectAltName issuer infoAccess validFrom validTo validFromDate validToDate fingerprint ' +
  'fingerprint256 fingerprint512 keyUsage serialNumber signatureAlgorithm signatureAlgorithmOid raw publicKey ' +
  'pem checkCA toLegacy getIssuerCert checkHost checkEmail checkIP checkPrivateKey verify'
).split(' ');

for (const name of METHODS) {
  Object.defineProperty(NativeX509Certificate.prototype, name, {
    value(this: NativeX509Certificate, ...values: unknown[]): unknown {
      return NativeX509Certificate.native(this).call(name, ...values);
    },
  });
}

export const certificateClasses = {
  createX509CertificateClass: (make: MakeClasses) => make(NativeX509Certificate),
  isX509Certificate: (value: unknown) => NativeX509Certificate.has(value),
};
