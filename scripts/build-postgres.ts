/** The part of scripts/build.ts that makes PostgreSQL, and a data directory for it, out of npm's `@electric-sql/pglite`. */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';
import { separateProcess } from '../runtimes/postgres/rewrite/host-process.ts';
import { packDirectory } from '../runtimes/postgres/template-archive.ts';
import { compiledFunctions } from '../src/wasm/compilation-hints.ts';
import { readTar } from './read-tar.ts';

/** A file in `pglite.data`, which is all of them one after the other; their places are told in the package's JavaScript. */
const FILES = /\{filename:"\/pglite\/([^"]+)",start:(\d+),end:(\d+)\}/g;
/** Smaller segments of the log: a new data directory is a third as large. In MiB. */
const LOG_SEGMENT_SIZE = 1;

/** @param root - of the package, with a slash at its end; the driver is there already */
export const buildPostgres = async (root: string): Promise<void> => {
  const directory = `${root}dist/drivers/postgres`;
  const pglite = `${root}node_modules/@electric-sql/pglite/dist`;
  const data = readFileSync(`${pglite}/pglite.data`);
  for (const [, path = '', start, end] of readFileSync(`${pglite}/pglite.js`, 'utf8').matchAll(FILES)) {
    const file = `${directory}/installation/${path}`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, data.subarray(Number(start), Number(end)), {
      mode: path.startsWith('bin/') ? 0o755 : 0o644,
    });
  }
  unpackExtensions(pglite, `${directory}/installation`);
  writeFileSync(`${directory}/installation/pg_hba.conf`, 'local all all trust\n');
  const { template, needed } = await newDataDirectory(`${root}scripts/train-postgres.ts`);
  writeFileSync(`${directory}/template.zst`, template);
  const module = readFileSync(`${pglite}/pglite.wasm`);
  writeFileSync(`${directory}/postgres.wasm`, separateProcess(module, needed));
};

/** What PostgreSQL looks for; there is documentation besides, and headers. */
const OF_EXTENSIONS = /^(?:lib|share)\/postgresql\//;

/** The package has each extension as an archive of its own. */
const unpackExtensions = (pglite: string, installation: string): void => {
  for (const archive of globSync('*.tar.gz', { cwd: pglite })) {
    for (const { path, content } of readTar(gunzipSync(readFileSync(`${pglite}/${archive}`)))) {
      if (!OF_EXTENSIONS.test(path)) continue;
      const file = `${installation}/${path}`;
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }
};

interface NewDataDirectory {
  /** As initdb leaves it, packed. */
  readonly template: Buffer;
  /** Numbers of functions that a start on it needs. */
  readonly needed: ReadonlySet<number>;
}

/** @param training - program that starts a server on a directory */
const newDataDirectory = async (training: string): Promise<NewDataDirectory> => {
  const temporary = mkdtempSync(join(tmpdir(), 'wasmrun-postgres-'));
  try {
    const dataDir = join(temporary, 'data');
    const database = await PGlite.create({
      dataDir,
      initDbStartParams: [`--wal-segsize=${LOG_SEGMENT_SIZE}`],
    });
    await database.close();
    for (const leftover of ['postmaster.pid', 'postmaster.opts'])
      rmSync(join(dataDir, leftover), { force: true });
    for (const segment of sparedSegments(dataDir)) rmSync(segment);
    return { template: packDirectory(dataDir), needed: functionsFor(training, dataDir) };
  } finally {
    rmSync(temporary, { recursive: true });
  }
};

/**
 * Segments of the log that are there for later: old ones that were given the names of those to come, with nothing in them
 * that anybody would read, a quarter of all there is. PostgreSQL makes such a segment when it needs it.
 */
const sparedSegments = (dataDirectory: string): string[] => {
  // It keeps none of those before the one that a start reads first.
  const [_first, ...later] = globSync('pg_wal/0*', { cwd: dataDirectory }).sort();
  return later.map((path) => join(dataDirectory, path));
};

const functionsFor = (training: string, dataDirectory: string): ReadonlySet<number> => {
  const args = ['--trace-wasm-compilation-times', training, dataDirectory];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`PostgreSQL could not be trained: ${stderr}`);
  return compiledFunctions(stdout);
};
