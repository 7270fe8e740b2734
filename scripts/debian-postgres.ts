/**
 * PostgreSQL 18 from Debian sid, its server, its programs and its own tests: unpacked into a directory, and not installed.
 * The programs are of another libc than this machine's, and bring it along.
 */
import { chmodSync, existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackFromSid, unpackSourceFromSid } from './debian-sid.ts';

/** Where all that is. */
export const POSTGRES_TREE = fileURLToPath(new URL('../.test-tools/postgres', import.meta.url));
const NAME = 'postgresql-18';
/** Where packages have the programs. */
const PROGRAMS = 'usr/lib/postgresql/18/bin';
const TESTS = 'src/test/regress';
/** The server, its clients, and what they are linked with. */
const PACKAGES = [
  [
    NAME,
    'postgresql-client-18',
    'libpq5',
    'libc6',
    'libgcc-s1',
    'libstdc++6',
    'zlib1g',
    'libzstd1',
    'liblz4-1',
  ],
  [
    'liblzma5',
    'libssl3t64',
    'libxml2-16',
    'libicu78',
    'libreadline8t64',
    'libtinfo6',
    'libldap2',
    'libsasl2-2',
  ],
  [
    'libgssapi-krb5-2',
    'libkrb5-3',
    'libk5crypto3',
    'libkrb5support0',
    'libcom-err2',
    'libkeyutils1',
    'libpam0g',
  ],
  [
    'libaudit1',
    'libcap-ng0',
    'libselinux1',
    'libpcre2-8-0',
    'libsystemd0',
    'libcap2',
    'libnuma1',
    'liburing2',
  ],
].flat();

/** Starts a program by its own dynamic linker, wherever the tree lies. */
const WRAPPER = `#!/bin/sh
root=\${0%/usr/lib/postgresql/*}
set -- --library-path "$root/usr/lib/x86_64-linux-gnu" --argv0 "$0" "$0.elf" "$@"
exec "$root/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$@"
`;
/** The first bytes of a program (elf(5)); others are scripts. */
const ELF = Buffer.from('\x7fELF', 'latin1');
/** A file with the version, as Debian writes it. */
const VERSION = 'version';

export interface DebianPostgres {
  /** As Debian writes it. */
  readonly version: string;
  /** Absolute path of a program: `psql`, `postgres`, `pgbench` … */
  program(name: string): string;
  /** What runs PostgreSQL's tests, absolute. */
  readonly testRunner: string;
  /** The tests, absolute. */
  readonly tests: string;
  /** Where the server has modules that it loads, absolute. */
  readonly libraries: string;
}

/** Gets all that, where that is yet to do; needs apt, not root. A newer one is got where the old one is removed. */
export const prepareDebianPostgres = (): DebianPostgres => {
  if (!existsSync(POSTGRES_TREE)) {
    const draft = `${POSTGRES_TREE}.draft`;
    rmSync(draft, { recursive: true, force: true });
    const archives = unpackFromSid(PACKAGES, draft);
    unpackSourceFromSid(NAME, join(draft, 'source'), TESTS);
    for (const name of globSync([`${PROGRAMS}/*`, 'usr/lib/postgresql/18/lib/pgxs/**/pg_regress'], {
      cwd: draft,
    }))
      wrap(join(draft, name));
    const [, version = 'unknown version'] = new RegExp(`^${NAME}_(.*)_`, 'm').exec(archives.join('\n')) ?? [];
    writeFileSync(join(draft, VERSION), version);
    renameSync(draft, POSTGRES_TREE);
  }
  const libraries = join(POSTGRES_TREE, 'usr/lib/postgresql/18/lib');
  return {
    version: readFileSync(join(POSTGRES_TREE, VERSION), 'utf8'),
    program: (name) => join(POSTGRES_TREE, PROGRAMS, name),
    testRunner: join(libraries, 'pgxs', TESTS, 'pg_regress'),
    tests: join(POSTGRES_TREE, 'source', TESTS),
    libraries,
  };
};

const wrap = (path: string): void => {
  if (!readFileSync(path).subarray(0, ELF.length).equals(ELF)) return;
  renameSync(path, `${path}.elf`);
  writeFileSync(path, WRAPPER);
  chmodSync(path, 0o755);
};
