/** The store's one table, and the statements on it. */
import type { DatabaseSync } from 'node:sqlite';
import { DamagedStore } from './store-damage.ts';
import { readRow, rowOf } from './stored-sandbox.ts';
import type { StoredSandbox } from './stored-sandbox.ts';

/** Raised with each change of the table or of what is in its rows; kept as the file's `user_version`. */
export const STORE_VERSION = 1;

/** Without row numbers the table is one tree: no index that could differ from it. */
const CREATE_TABLE = `CREATE TABLE sandbox (
  name TEXT PRIMARY KEY,
  id TEXT NOT NULL,
  createdAt INTEGER NOT NULL,
  launch TEXT NOT NULL,
  restart TEXT NOT NULL,
  wanted TEXT NOT NULL,
  forwards TEXT NOT NULL,
  ended TEXT NOT NULL
) STRICT, WITHOUT ROWID`;

/**
 * Reads the whole of a database, and writes to it only when all of it is in order: then it gets the table, if it is
 * new, and from now on each commit reaches the disk by one synchronous write to the log (sqlite.org/wal.html).
 * @throws {DamagedStore}
 */
export const prepareTable = (database: DatabaseSync): void => {
  const version = numberOf(database, 'PRAGMA user_version');
  if (version > STORE_VERSION)
    throw new DamagedStore(
      `version-${version}`,
      `it is of version ${version}, this wasmrun knows ${STORE_VERSION}`,
    );
  const isNew = numberOf(database, 'SELECT count(*) FROM sqlite_schema') === 0;
  if (version !== (isNew ? 0 : STORE_VERSION)) throw new DamagedStore('corrupt', 'it is not of wasmrun');
  const flaw = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
  if (flaw !== 'ok') throw new DamagedStore('corrupt', String(flaw));
  if (!isNew) allSandboxes(database);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 100');
  if (isNew)
    transact(database, () => database.exec(`${CREATE_TABLE}; PRAGMA user_version = ${STORE_VERSION}`));
};

/** Runs an action as one transaction, which what it throws undoes. */
export const transact = <Result>(database: DatabaseSync, action: () => Result): Result => {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = action();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
};

/** In the order of their names. */
export const allSandboxes = (database: DatabaseSync): StoredSandbox[] =>
  database.prepare('SELECT * FROM sandbox ORDER BY name').all().map(readRow);

export const findSandbox = (database: DatabaseSync, name: string): StoredSandbox | undefined => {
  const row = database.prepare('SELECT * FROM sandbox WHERE name = ?').get(name);
  return row === undefined ? undefined : readRow(row);
};

/** Writes a sandbox down, in place of what is known of that name. */
export const putSandbox = (database: DatabaseSync, sandbox: StoredSandbox): void => {
  database
    .prepare(
      'REPLACE INTO sandbox VALUES (:name, :id, :createdAt, :launch, :restart, :wanted, :forwards, :ended)',
    )
    .run(rowOf(sandbox));
};

export const deleteSandbox = (database: DatabaseSync, name: string): void => {
  database.prepare('DELETE FROM sandbox WHERE name = ?').run(name);
};

export const isEmpty = (database: DatabaseSync): boolean =>
  numberOf(database, 'SELECT count(*) FROM sandbox') === 0;

/** The one number that a query answers. */
const numberOf = (database: DatabaseSync, query: string): number =>
  Number(Object.values(database.prepare(query).get() ?? {})[0]);
