/** Who may come in, and how many: what PostgreSQL's catalogues and parameters say of that. */
import type { Answer } from './inner-session.ts';
import { Refusal, SQLSTATE } from './refusal.ts';
import { parseVerifier } from './scram.ts';
import type { ScramVerifier } from './scram.ts';
import { literal } from './sql-quoting.ts';

export interface LoginLimits {
  /** Clients that are in at once. */
  readonly connections: number;
  /** Of these, for superusers only. */
  readonly forSuperusers: number;
  /** Of these, for roles that may have them. */
  readonly reserved: number;
  /** How long a client may take to say who it is. */
  readonly timeoutMs: number;
}

const passwordOf = (user: string): string => `
  select rolpassword, rolvaliduntil < pg_catalog.now()
  from pg_catalog.pg_authid where rolname = ${literal(user)}`;
const privilegesOf = (user: string): string => `
  select rolsuper, pg_catalog.pg_has_role(oid, 'pg_use_reserved_connections', 'usage')
  from pg_catalog.pg_authid where rolname = ${literal(user)}`;
const TRUE = 't';

/** What is known of a role that wants to log in. */
export interface Login {
  /** Undefined where nobody can. */
  readonly verifier: ScramVerifier | undefined;
  /** Why it fails, if it does: for the log, as clients are not told. */
  readonly reason: string;
}

const NO_PASSWORD_FITS = 'the password is wrong';

const nobody = (reason: string): Login => ({ verifier: undefined, reason });

export interface LoginRulesHost {
  /** Asks PostgreSQL, as somebody who may see passwords. */
  readonly ask: (sql: string) => Promise<Answer>;
  /** What a parameter of PostgreSQL is set to, in its own unit. */
  readonly setting: (name: string) => string;
  /** What those who cannot log in are given a salt by. */
  readonly secret: () => Uint8Array;
  /** A line that whoever runs the server should read. */
  readonly notice: (text: string) => void;
  readonly needsPassword: boolean;
}

export class LoginRules {
  readonly #host: LoginRulesHost;
  #secret: Uint8Array = new Uint8Array();
  #limits: LoginLimits = { connections: 0, forSuperusers: 0, reserved: 0, timeoutMs: 0 };

  constructor(host: LoginRulesHost) {
    this.#host = host;
  }

  get needsPassword(): boolean {
    return this.#host.needsPassword;
  }

  get limits(): LoginLimits {
    return this.#limits;
  }

  get secret(): Uint8Array {
    return this.#secret;
  }

  /** Reads what applies to all, before anybody comes. */
  read(): void {
    const { setting, secret } = this.#host;
    this.#limits = {
      // The first backend has one of the places.
      connections: Number(setting('max_connections')) - 1,
      forSuperusers: Number(setting('superuser_reserved_connections')),
      reserved: Number(setting('reserved_connections')),
      // It is in seconds.
      timeoutMs: 1000 * Number(setting('authentication_timeout')),
    };
    this.#secret = secret();
  }

  /** What is stored of a role's password, or why nobody can log in by one, as get_role_password() says it. */
  async verifierOf(user: string): Promise<Login> {
    const [stored, isExpired] = await this.#ask(passwordOf(user));
    if (stored === undefined) return nobody('there is no such role');
    if (stored === null || stored === '') return nobody('it has no password');
    if (isExpired === TRUE) return nobody('its password has expired');
    const verifier = parseVerifier(stored);
    if (verifier === undefined) return nobody('its password is not stored for SCRAM-SHA-256');
    return { verifier, reason: NO_PASSWORD_FITS };
  }

  /**
   * The last places are for some only.
   * @param left - besides the client's own
   * @throws {Refusal}
   */
  async checkReserved(user: string, left: number): Promise<void> {
    const { forSuperusers, reserved } = this.#limits;
    if (left >= forSuperusers + reserved) return;
    const [isSuperuser, mayReserve] = await this.#ask(privilegesOf(user));
    if (isSuperuser === TRUE) return;
    const role =
      left < forSuperusers
        ? 'the SUPERUSER attribute'
        : 'privileges of the "pg_use_reserved_connections" role';
    if (left >= forSuperusers && mayReserve === TRUE) return;
    throw new Refusal(
      SQLSTATE.tooManyConnections,
      `remaining connection slots are reserved for roles with ${role}`,
    );
  }

  tooMany(): Refusal {
    return new Refusal(SQLSTATE.tooManyConnections, 'sorry, too many clients already');
  }

  /** @param reason - for people who run the server: clients are told nothing of it */
  wrongPassword(user: string, reason: string): Refusal {
    // Whoever wants to be somebody may choose a name of any letters.
    this.#host.notice(`somebody could not log in as ${JSON.stringify(user)}: ${reason}`);
    return new Refusal(SQLSTATE.invalidPassword, `password authentication failed for user "${user}"`);
  }

  /** The first row of the answer; nothing where there is none. */
  async #ask(sql: string): Promise<readonly (string | null)[]> {
    const { rows, error } = await this.#host.ask(sql);
    if (error !== undefined) throw new Refusal(error.code, error.message);
    return rows[0] ?? [];
  }
}
