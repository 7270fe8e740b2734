/** Why a client is not let in. */
import type { FatalError } from './startup-message.ts';

export class Refusal extends Error {
  readonly answer: FatalError;

  constructor(code: string, message: string, detail?: string) {
    super(message);
    this.answer = { code, message, ...(detail !== undefined && { detail }) };
  }
}

/** SQLSTATE (PostgreSQL 18 documentation, appendix A) */
export const SQLSTATE = {
  featureNotSupported: '0A000',
  protocolViolation: '08P01',
  invalidAuthorization: '28000',
  invalidPassword: '28P01',
  tooManyConnections: '53300',
  queryCanceled: '57014',
} as const;
