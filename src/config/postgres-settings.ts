/** The table `[postgres]`: what a database is to be, and how its values are read. */
import { WasmrunError } from '../errors.ts';
import type { Layer } from './layers.ts';
import { isTable, TypeProblem, variables } from './readers.ts';
import type { ReadContext, Reader, TextParser } from './readers.ts';
import { Secret } from './secret.ts';

/** src/include/pg_config_manual.h: `NAMEDATALEN`, less the zero at the end; in bytes. */
const LONGEST_NAME = 63;

const checkName = (text: string, reserved: RegExp): string => {
  const problem =
    text === ''
      ? 'it is empty'
      : Buffer.byteLength(text) > LONGEST_NAME
        ? `it is longer than ${LONGEST_NAME} bytes`
        : reserved.test(text)
          ? `PostgreSQL keeps "${text}" for itself`
          : undefined;
  if (problem === undefined) return text;
  throw new WasmrunError('USAGE', problem, { hint: 'choose another name' });
};

/** Name of a role that may log in (`IsReservedName`, src/backend/catalog/catalog.c). */
export const roleName: TextParser<string> = (text) => checkName(text, /^(pg_.*|public|none)$/);
export const databaseName: TextParser<string> = (text) => checkName(text, /^template[01]$/);
/** A file of the installation has this name, too. */
export const extensionName: TextParser<string> = (text) => {
  if (/^[A-Za-z0-9_-]+$/.test(text)) return text;
  throw new WasmrunError('USAGE', `"${text}" is not the name of an extension`, {
    hint: 'write it as after CREATE EXTENSION, such as "pg_trgm"',
  });
};

/** Any text but none. What is wrong with it is said without it. */
export const secret: TextParser<Secret> = (text) => {
  if (text !== '') return new Secret(text);
  throw new WasmrunError('USAGE', 'it is empty', { hint: 'leave the setting out to trust every client' });
};

const PROCESSES = 'it would need processes of its own, which there are none of';
const ENGINE = 'the engine sets it itself';
/** Parameters that cannot be chosen, and why. */
export const FIXED_PARAMETERS: ReadonlyMap<string, string> = new Map([
  ...(
    [
      'archive_command',
      'archive_library',
      'archive_mode',
      'logging_collector',
      'max_parallel_maintenance_workers',
      'max_parallel_workers',
      'max_parallel_workers_per_gather',
      'max_worker_processes',
      'primary_conninfo',
      'restore_command',
    ] as const
  ).map((name) => [name, PROCESSES] as const),
  ...(
    [
      'config_file',
      'dynamic_shared_memory_type',
      'external_pid_file',
      'hba_file',
      'huge_pages',
      'ident_file',
      'io_method',
      'log_line_prefix',
      'max_files_per_process',
      'max_wal_size',
      'shared_memory_type',
    ] as const
  ).map((name) => [name, ENGINE] as const),
  ['data_directory', 'write [postgres] data = "PATH"'],
  ['listen_addresses', 'write [network] bind = ["ADDRESS"]'],
  ['port', 'it is 5432 in the sandbox; a forward leads to it from any other'],
  ['ssl', 'connections are not encrypted: forwards are for this machine unless you say otherwise'],
  ['unix_socket_directories', 'clients come by TCP'],
]);

/** Names, then dots and names of what extensions have (`valid_custom_variable_name`, src/backend/utils/misc/guc.c). */
const PARAMETER = /^[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)*$/;

const parameterName = (text: string): string => {
  const name = text.toLowerCase();
  if (!PARAMETER.test(name)) {
    throw new WasmrunError('USAGE', `"${text}" is not the name of a parameter of PostgreSQL`, {
      hint: 'write it as in postgresql.conf, such as work_mem',
    });
  }
  const reason = FIXED_PARAMETERS.get(name);
  if (reason === undefined) return name;
  throw new WasmrunError('USAGE', `${name} cannot be set`, { hint: reason });
};

/** Strings, numbers, booleans; in tables those whose names have dots. */
const readParameters = (
  table: Readonly<Record<string, unknown>>,
  context: ReadContext,
  path: readonly string[],
): [string, string][] =>
  Object.entries(table).flatMap(([key, value]): [string, string][] => {
    const at = [...path, key];
    if (isTable(value)) return readParameters(value, context, at);
    try {
      const name = parameterName(at.join('.'));
      const isPlain = typeof value === 'number' || typeof value === 'boolean';
      if (typeof value === 'string' && !value.includes('\0')) return [[name, value]];
      if (isPlain) return [[name, String(value)]];
    } catch (error) {
      if (error instanceof WasmrunError) return context.fail(error, ...at);
      throw error;
    }
    return context.fail(new TypeProblem('a string, a number, true or false', value), ...at);
  });

/** A table of PostgreSQL's own parameters; there is no flag for them. */
export const parameters: Reader<ReadonlyMap<string, string>> = {
  isList: true,
  fromToml: (value, context) => {
    if (!isTable(value)) return context.fail(new TypeProblem('a table', value));
    return new Map(readParameters(value, context, []));
  },
  fromTexts: (texts, context) => variables.fromTexts(texts, context),
};

/**
 * A variable may be there for other apps; a file is this one's.
 * @throws {WasmrunError} where a file has such settings for something else than a database
 */
export const refuseForOthers = (merged: Layer): void => {
  const language = merged.get('app.language')?.value;
  if (language === 'postgres') return;
  for (const [name, entry] of merged) {
    if (!name.startsWith('postgres.') || /^(default$|environment )/.test(entry.origin())) continue;
    const what = language === undefined ? 'is not said to be one' : `is one for "${language}"`;
    entry.fail(
      new WasmrunError('USAGE', `[postgres] is for databases, and this app ${what}`, {
        hint: 'write [app] language = "postgres", or leave the table out',
      }),
    );
  }
};
