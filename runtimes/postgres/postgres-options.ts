/** What the supervisor's side of the runtime tells the engine's. */
export interface PostgresOptions {
  /** Absolute path of the archive of a new data directory. */
  readonly template: string;
}

/** Where the guest finds what PostgreSQL is made of besides its module, as it was built. */
export const INSTALLATION = '/pglite';

/** Where the guest finds its data directory. */
export const DATA_DIRECTORY = '/var/lib/postgresql/data';
