/** Parameters that a server runs with: the engine's own, and those that were chosen (src/config/postgres-settings.ts). */
import { DATA_DIRECTORY, INSTALLATION } from '../postgres-options.ts';
import { LOG_PREFIX } from './log-stream.ts';

/** What every backend is started with: nothing that would need a process of its own. */
export const ENGINE_PARAMETERS: Readonly<Record<string, string>> = {
  dynamic_shared_memory_type: 'mmap',
  // Who may come in is the engine's to say; PostgreSQL only wants to read one.
  hba_file: `${INSTALLATION}/pg_hba.conf`,
  io_method: 'sync',
  log_line_prefix: LOG_PREFIX,
  max_files_per_process: '200',
  // A backend would make the checkpoint itself, in the middle of writing the log. In MiB; see makeCheckpoints().
  max_wal_size: '2097151',
  max_parallel_maintenance_workers: '0',
  max_parallel_workers: '0',
  max_parallel_workers_per_gather: '0',
  max_worker_processes: '0',
};

/** Where nothing else is chosen. */
const DEFAULTS: Readonly<Record<string, string>> = { shared_buffers: '32MB' };

/**
 * The command line of a backend: the same for all, for all make the same shared memory.
 * @param chosen - parameters by name, in lower case
 */
export const commandLine = (database: string, chosen: Readonly<Record<string, string>>): string[] => [
  `${INSTALLATION}/bin/postgres`,
  '--single',
  ...Object.entries({ ...DEFAULTS, ...chosen, ...ENGINE_PARAMETERS }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]),
  '-D',
  DATA_DIRECTORY,
  database,
];

/** The server's own statements are nobody's to read: there may be a password in one. */
export const UNLOGGED: Readonly<Record<string, string>> = {
  log_duration: 'off',
  log_min_duration_sample: '-1',
  log_min_duration_statement: '-1',
  log_min_error_statement: 'panic',
  log_parser_stats: 'off',
  log_statement: 'none',
  'pg_stat_statements.track_utility': 'off',
};
