/** What a database is to have before its first client: a role, a database, extensions, and at first what fills it. */
import { readFileSync } from 'node:fs';
import { WasmrunError } from '../../../src/errors.ts';
import { fingerprint } from '../../../src/os/fingerprint.ts';
import { SUPERUSER } from '../postgres-options.ts';
import type { PostgresOptions } from '../postgres-options.ts';
import type { DataDirectory } from './data-directory.ts';
import { ask, runScript } from './init-script.ts';
import type { InitScript } from './init-script.ts';
import type { Answer, InnerSession, SessionUser } from './inner-session.ts';
import { identifier, literal } from './sql-quoting.ts';
import type { Stacks } from './stacks.ts';

/** A file that was opened while the engine could. */
export interface InitFile {
  /** For people. */
  readonly name: string;
  /** Its descriptor, or why there is none. */
  readonly file: number | Error;
}

export interface SetupHost {
  readonly options: PostgresOptions;
  readonly directory: DataDirectory;
  readonly isNew: boolean;
  readonly initFiles: readonly InitFile[];
  readonly stacks: Stacks;
  /** The session of the backend that was there first, in the database `postgres`; nothing of it is logged. */
  readonly server: InnerSession;
  /** Opens a session of the server's own. */
  readonly open: (user: SessionUser) => InnerSession;
  /** Tells people. */
  readonly notice: (text: string) => void;
}

/** In the data directory: the files it was filled from, each with a fingerprint. */
const INIT_NOTE = 'wasmrun.init';

export class DatabaseSetup {
  readonly #host: SetupHost;

  constructor(host: SetupHost) {
    this.#host = host;
  }

  /** @throws {WasmrunError} INIT_FAILED */
  async run(): Promise<void> {
    const { isNew, options, directory } = this.#host;
    if (isNew && this.#isAsItIsMade()) {
      // Its answer tells that the server takes queries.
      await this.#command('SELECT 1');
    } else {
      await this.#makeRole();
      await this.#makeDatabase();
    }
    const scripts = this.#readScripts();
    if (options.extensions.length > 0 || (isNew && scripts.length > 0)) await this.#fill(scripts);
    const note = scripts.map(({ name, text }) => `${fingerprint(text)} ${name}\n`).join('');
    if (isNew) directory.finish();
    else this.#tellOfChanges(scripts, note);
    if (directory.readNote(INIT_NOTE) !== note) directory.writeNote(INIT_NOTE, note);
  }

  /** Whoever asks a new directory's first backend for it has it look at catalogues that clients may never need. */
  #isAsItIsMade(): boolean {
    const { user, password, database } = this.#host.options;
    return user === SUPERUSER && database === SUPERUSER && password === undefined;
  }

  async #makeRole(): Promise<void> {
    const { user, password } = this.#host.options;
    const name = identifier(user);
    const { rows } = await this.#command(
      `SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = ${literal(user)}`,
    );
    if (rows.length === 0) await this.#command(`CREATE ROLE ${name} SUPERUSER LOGIN`);
    if (password !== undefined) await this.#command(`ALTER ROLE ${name} PASSWORD ${literal(password)}`);
  }

  async #makeDatabase(): Promise<void> {
    const { user, database } = this.#host.options;
    const { rows } = await this.#command(
      `SELECT 1 FROM pg_catalog.pg_database WHERE datname = ${literal(database)}`,
    );
    if (rows.length > 0) return;
    await this.#command(`CREATE DATABASE ${identifier(database)} OWNER ${identifier(user)}`);
  }

  /** A command of the server itself. */
  async #command(text: string): Promise<Answer> {
    const { stacks, server } = this.#host;
    const answer = await ask(stacks, server, text);
    if (answer.error === undefined) return answer;
    const { code, message } = answer.error;
    throw new WasmrunError('INIT_FAILED', `the database cannot be made: ${message}`, {
      hint: `SQLSTATE ${code}.`,
    });
  }

  /** In the database, as its owner; each file in a session of its own, for dumps leave settings behind. */
  async #fill(scripts: readonly InitScript[]): Promise<void> {
    const { stacks, options, isNew, notice } = this.#host;
    if (options.extensions.length > 0) await this.#inSession((session) => this.#makeExtensions(session));
    if (!isNew || scripts.length === 0) return;
    for (const script of scripts) await this.#inSession((session) => runScript(stacks, session, script));
    notice(`init ${scripts.map(({ name }) => name).join(', ')}`);
  }

  async #inSession(work: (session: InnerSession) => Promise<void>): Promise<void> {
    const { options, open } = this.#host;
    const session = open({ user: options.user, database: options.database });
    try {
      await work(session);
    } finally {
      session.end();
    }
  }

  async #makeExtensions(session: InnerSession): Promise<void> {
    const { stacks, options } = this.#host;
    for (const name of options.extensions) {
      const command = `CREATE EXTENSION IF NOT EXISTS ${identifier(name)} CASCADE`;
      const { error } = await ask(stacks, session, command);
      if (error === undefined) continue;
      throw new WasmrunError('INIT_FAILED', `extension ${name}: ${error.message}`, {
        hint: error.hint ?? error.detail ?? `SQLSTATE ${error.code}.`,
      });
    }
  }

  /** A file that is not there is missed only where it is needed. */
  #readScripts(): InitScript[] {
    const { initFiles, isNew } = this.#host;
    return initFiles.flatMap(({ name, file }) => {
      if (typeof file === 'number') return [{ name, text: readFileSync(file, 'latin1') }];
      if (!isNew) return [];
      throw new WasmrunError('INIT_FAILED', `${name} cannot be read: ${file.message}`, {
        hint: 'Correct [postgres] init.',
      });
    });
  }

  #tellOfChanges(scripts: readonly InitScript[], note: string): void {
    const { directory, notice } = this.#host;
    const before = new Set(directory.readNote(INIT_NOTE)?.split('\n'));
    const now = note.split('\n');
    const changed = scripts.map(({ name }) => name).filter((_, index) => !before.has(now[index]!));
    if (changed.length === 0) return;
    const verb = changed.length === 1 ? 'is' : 'are';
    notice(`${changed.join(', ')} ${verb} not run: the data directory was made before`);
  }
}
