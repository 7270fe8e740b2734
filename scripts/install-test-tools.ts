/**
 * Installs what the tests need beyond npm: nftables and iproute2 to look at the kernel, clang with WASI's
 * libc to rebuild the guests, a C compiler and a load generator for their native peers, the firewalls of
 * others to get along with, Flask, PostgreSQL, the shells that complete wasmrun's words, systemd, and
 * what reads the manual. Debian and root only; elsewhere it says what is missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { FIREWALL_TREE, unpackFirewalls } from './firewall-packages.ts';
import { POSTGRES_TREE, prepareDebianPostgres } from './debian-postgres.ts';
import { PYTHON_PACKAGES, unpackPythonPackages } from './python-packages.ts';

/** Something to look for → the Debian package that brings it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  nft: 'nftables',
  'iptables-legacy': 'iptables',
  ip: 'iproute2',
  curl: 'curl',
  clang: 'clang',
  'wasm-ld': 'lld',
  cc: 'gcc',
  openssl: 'openssl',
  zsh: 'zsh',
  fish: 'fish',
  'systemd-analyze': 'systemd',
  mandoc: 'mandoc',
  groff: 'groff-base',
  tmux: 'tmux',
  psql: 'postgresql-client',
  // Sources of PostgreSQL, which its tests come with.
  bzip2: 'bzip2',
};
const FILES: Readonly<Record<string, string>> = {
  '/usr/include/wasm32-wasi/wasi/api.h': 'wasi-libc',
  '/usr/lib/llvm-14/lib/clang/14.0.6/lib/wasi/libclang_rt.builtins-wasm32.a': 'libclang-rt-14-dev-wasm32',
};
/** Root's tools are not on everybody's path. */
const DIRECTORIES = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

const missing = [
  ...Object.entries(PROGRAMS).flatMap(([program, name]) =>
    DIRECTORIES.some((directory) => existsSync(join(directory, program))) ? [] : [name],
  ),
  ...Object.entries(FILES).flatMap(([file, name]) => (existsSync(file) ? [] : [name])),
];

const run = (file: string, ...args: string[]): number =>
  spawnSync(file, args, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    .status ?? 1;

const isDebianRoot = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
const lacksFirewalls = !existsSync(FIREWALL_TREE);
const lacksPython = !existsSync(PYTHON_PACKAGES);
const lacksPostgres = !existsSync(POSTGRES_TREE);

const install = (): boolean => {
  if (run('apt-get', 'update', '-qq') !== 0) return false;
  if (missing.length > 0) {
    console.log(`installing ${missing.join(' ')}`);
    if (run('apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing) !== 0) return false;
  }
  console.log(`unpacking firewalls, which are not installed, to ${FIREWALL_TREE}`);
  if (!unpackFirewalls()) return false;
  console.log(`unpacking packages of Python, which are not installed, to ${PYTHON_PACKAGES}`);
  if (!unpackPythonPackages()) return false;
  console.log(`unpacking PostgreSQL 18, which is not installed, to ${POSTGRES_TREE}`);
  prepareDebianPostgres();
  return true;
};

if (missing.length > 0 || lacksFirewalls || lacksPython || lacksPostgres) {
  if (isDebianRoot) process.exitCode = install() ? 0 : 1;
  else {
    const list = missing.join(' ');
    if (list !== '')
      console.error(`the tests need: ${list}\nInstall them, as on Debian: apt-get install ${list}`);
    if (lacksFirewalls)
      console.error('the tests need what scripts/firewall-packages.ts unpacks on Debian, as root');
    if (lacksPython) console.error('the tests need what scripts/python-packages.ts unpacks on Debian');
    if (lacksPostgres) console.error('the tests need what scripts/debian-postgres.ts unpacks on Debian');
    process.exitCode = 1;
  }
}
