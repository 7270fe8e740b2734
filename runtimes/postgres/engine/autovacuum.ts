/**
 * What PostgreSQL's autovacuum launcher does (src/backend/postmaster/autovacuum.c), with sessions of the server's own in
 * place of workers: now and then each database that has changed is asked which of its tables have had enough changes, by
 * the same parameters and the same counts, and these are vacuumed or analyzed.
 */
import { ask } from './init-script.ts';
import type { InnerSession, SessionUser } from './inner-session.ts';
import type { Stacks } from './stacks.ts';

export interface AutovacuumHost {
  readonly stacks: Stacks;
  /** A session in the database `postgres`. */
  readonly server: InnerSession;
  /** Opens another one. */
  readonly open: (user: SessionUser) => InnerSession;
}

/** Who may vacuum everything. */
const USER = 'postgres';

/** In seconds. */
const NAPTIME = `select setting, pg_catalog.current_setting('autovacuum')
  from pg_catalog.pg_settings where name = 'autovacuum_naptime'`;

/** What is different when something has changed; 't' where old transactions' numbers are to be given free in any case. */
const DATABASES = `select datname, tup_inserted + tup_updated + tup_deleted,
    pg_catalog.age(datfrozenxid) > pg_catalog.current_setting('autovacuum_freeze_max_age')::int
  from pg_catalog.pg_database join pg_catalog.pg_stat_database using (datname) where datallowconn`;

/** A parameter of a table, or else of the server. */
const parameter = (name: string): string =>
  `coalesce((select option_value from pg_catalog.pg_options_to_table(reloptions) where option_name = '${name}'),
    pg_catalog.current_setting('${name}'))::float8`;

/**
 * Tables, and whether they are to be vacuumed and analyzed: relation_needs_vacanalyze(). What a table for long values
 * (TOAST) needs, its owner's vacuum does; temporary tables are their sessions' own.
 */
const TABLES = `select pg_catalog.format('%I.%I', schemaname, stat.relname),
    is_old or (is_enabled and (n_dead_tup > dead_limit or inserted_limit >= 0 and n_ins_since_vacuum > inserted_limit)),
    is_enabled and n_mod_since_analyze > changed_limit
  from pg_catalog.pg_stat_all_tables stat
  join pg_catalog.pg_class class on class.oid = relid and relkind in ('r', 'm') and relpersistence <> 't',
  lateral (select
    greatest(reltuples, 0) as size,
    pg_catalog.age(relfrozenxid) > pg_catalog.current_setting('autovacuum_freeze_max_age')::int as is_old,
    coalesce((select option_value from pg_catalog.pg_options_to_table(reloptions)
      where option_name = 'autovacuum_enabled'), 'on')::bool as is_enabled) as state,
  lateral (select
    least(${parameter('autovacuum_vacuum_threshold')} + ${parameter('autovacuum_vacuum_scale_factor')} * size,
      nullif(${parameter('autovacuum_vacuum_max_threshold')}, -1)) as dead_limit,
    case when ${parameter('autovacuum_vacuum_insert_threshold')} < 0 then -1
      else ${parameter('autovacuum_vacuum_insert_threshold')} + ${parameter('autovacuum_vacuum_insert_scale_factor')}
        * size * (1 - relallfrozen::float8 / greatest(relpages, 1)) end as inserted_limit,
    ${parameter('autovacuum_analyze_threshold')} + ${parameter('autovacuum_analyze_scale_factor')} * size
      as changed_limit) as limits`;

/** It does its work slowly, as a worker does, and gives up what somebody else has locked. */
const PREPARATION = `select pg_catalog.set_config('application_name', 'autovacuum', false),
  pg_catalog.set_config('vacuum_cost_delay', pg_catalog.current_setting('autovacuum_vacuum_cost_delay'), false),
  pg_catalog.set_config('log_min_duration_statement', '-1', false)`;
const TRUE = 't';

/** Until it is disposed of, or its sessions fail. */
export const vacuumNowAndThen = (host: AutovacuumHost): Disposable => {
  const { stacks, server } = host;
  let timer: Disposable | undefined;
  const changes = new Map<string | null, string | null>();
  const sleep = (seconds: number): Promise<void> =>
    stacks.suspend<void>((resume) => (timer = stacks.after(1000 * seconds, () => resume())));
  stacks.begin(async () => {
    for (;;) {
      const [nap] = (await ask(stacks, server, NAPTIME)).rows;
      if (nap === undefined) return;
      await sleep(Number(nap[0]));
      if (nap[1] !== 'on') continue;
      const { rows } = await ask(stacks, server, DATABASES);
      for (const [database = null, count = null, isOld] of rows) {
        if (changes.get(database) === count && isOld !== TRUE) continue;
        changes.set(database, count);
        await vacuumDatabase(host, database!);
      }
    }
  });
  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
};

/** One that cannot be entered, or a table that is gone, comes again with the next changes. */
const vacuumDatabase = async ({ stacks, open }: AutovacuumHost, database: string): Promise<void> => {
  const session = open({ user: USER, database });
  try {
    await ask(stacks, session, PREPARATION);
    for (const [table, isDirty, isChanged] of (await ask(stacks, session, TABLES)).rows) {
      const wishes = ['SKIP_LOCKED', ...(isDirty === TRUE && isChanged === TRUE ? ['ANALYZE'] : [])].join();
      if (isDirty === TRUE) await ask(stacks, session, `VACUUM (${wishes}) ${table}`);
      else if (isChanged === TRUE) await ask(stacks, session, `ANALYZE (${wishes}) ${table}`);
    }
  } finally {
    session.end();
  }
};
