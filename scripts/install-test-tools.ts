/**
 * Installs what the tests need beyond npm: nftables and iproute2 to look at the kernel, clang with WASI's
 * libc to rebuild the guests, a C compiler and a load generator for their native peers. Debian and root
 * only; elsewhere it says what is missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Something to look for → the Debian package that brings it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  nft: 'nftables',
  'iptables-legacy': 'iptables',
  ip: 'iproute2',
  curl: 'curl',
  clang: 'clang',
  'wasm-ld': 'lld',
  cc: 'gcc',
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

if (missing.length > 0) {
  const list = missing.join(' ');
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.error(`the tests need: ${list}\nInstall them, as on Debian: apt-get install ${list}`);
    process.exitCode = 1;
  } else {
    console.log(`installing ${list}`);
    process.exitCode =
      run('apt-get', 'update', '-qq') ||
      run('apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing);
  }
}
