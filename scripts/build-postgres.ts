/** The part of scripts/build.ts that makes PostgreSQL, and a data directory for it, out of npm's `@electric-sql/pglite`. */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';
import { separateProcess } from '../runtimes/postgres/rewrite/host-process.ts';
import { packDirectory } from '../runtimes/postgres/template-archive.ts';
import { readTar } from './read-tar.ts';

/** A file in `pglite.data`, which is all of them one after the other; their places are told in the package's JavaScript. */
const FILES = /\{filename:"\/pglite\/([^"]+)",start:(\d+),end:(\d+)\}/g;
/** Smaller segments of the log: a new data directory is a third as large. In MiB. */
const LOG_SEGMENT_SIZE = 1;

/** @param root - of the package, with a slash at its end; the driver is there already */
export const buildPostgres = async (root: string): Promise<void> => {
  const directory = `${root}dist/drivers/postgres`;
  const pglite = `${root}node_modules/@electric-sql/pglite/dist`;
  writeFileSync(`${directory}/postgres.wasm`, separateProcess(readFileSync(`${pglite}/pglite.wasm`)));
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
  writeFileSync(`${directory}/template.zst`, await newDataDirectory());
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

/** A data directory as initdb leaves it, packed. */
const newDataDirectory = async (): Promise<Buffer> => {
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
    return packDirectory(dataDir);
  } finally {
    rmSync(temporary, { recursive: true });
  }
};
