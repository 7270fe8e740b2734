/** Contexts of TLS of `internalBinding('crypto')`: certificates, keys and settings of connections. */
import { NativeObject } from '../native-answers.ts';
import { forward } from './crypto-keys.ts';
import { prepareRootCertificates } from './root-certificates.ts';

export class SecureContext extends NativeObject {
  init(secureProtocol: string | undefined, minVersion: number, maxVersion: number): void {
    this.make('SecureContext', [secureProtocol || undefined, minVersion, maxVersion]);
  }

  addRootCerts(): void {
    prepareRootCertificates();
    this.call('addRootCerts');
  }

  /** The engine keeps what connections still use. */
  close(): void {
    this.free();
  }
}

forward(
  SecureContext,
  (
    'setKey setCert addCACert setAllowPartialTrustChain addCRL setCipherSuites setCiphers setSigalgs ' +
    'setECDHCurve setDHParam setMaxProto setMinProto getMaxProto getMinProto setOptions setSessionIdContext ' +
    'setSessionTimeout setCertificateCompression loadPKCS12 setTicketKeys getTicketKeys getCertificate getIssuer'
  ).split(' '),
);
