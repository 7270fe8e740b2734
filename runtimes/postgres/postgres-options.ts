/** What the supervisor's side of the runtime tells the engine's. */
export interface PostgresOptions {
  /** Absolute path of the archive of a new data directory. */
  readonly template: string;
  /** Absolute path of the app's directory: people are told of paths relative to it. */
  readonly directory: string;
  /** Name of the role that owns the database, and may do anything. */
  readonly user: string;
  readonly database: string;
  /** Of that role. Absent: every client is trusted. */
  readonly password?: string;
  /** SQL files that fill a new data directory, in their order. */
  readonly init: readonly InitFileReference[];
  /** Extensions that the database is to have. */
  readonly extensions: readonly string[];
  /** Parameters of PostgreSQL, besides those of the engine. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface InitFileReference {
  /** Absolute path on the host. */
  readonly path: string;
  /** For people. */
  readonly name: string;
}

/** The role that a new data directory has, and its database. */
export const SUPERUSER = 'postgres';

/** Where the guest finds what PostgreSQL is made of besides its module, as it was built. */
export const INSTALLATION = '/pglite';

/** Where the guest finds its data directory. */
export const DATA_DIRECTORY = '/var/lib/postgresql/data';
