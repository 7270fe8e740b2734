/** This package as a stranger has it: packed by npm, unpacked below `node_modules`, beside what it depends on. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtempDisposable, readFile, realpath, rename, symlink } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

export interface InstalledPackage extends AsyncDisposable {
  /** A directory whose programs can import it by its name. */
  readonly directory: string;
}

/**
 * Installs what `npm pack` makes of this checkout and its build.
 * @param others - further packages of this checkout, for programs that need them
 */
export const installPackage = async (others: readonly string[] = []): Promise<InstalledPackage> => {
  if (!existsSync(join(ROOT, 'dist/src/index.js'))) throw new Error('there is no build: npm run build');
  const made = new AsyncDisposableStack();
  const { path } = made.use(await mkdtempDisposable(join(await realpath(tmpdir()), 'wasmrun-stranger-')));
  // The app's user must be able to enter it.
  await chmod(path, 0o755);
  const modules = join(path, 'node_modules');
  await mkdir(modules);
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', path], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [file] = /wasmrun-[\w.-]+\.tgz/.exec(packed) ?? [];
  if (file === undefined) throw new Error(`npm pack names no file:\n${packed}`);
  execFileSync('tar', ['-xzf', join(path, file), '-C', path]);
  await rename(join(path, 'package'), join(modules, 'wasmrun'));
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  const names = [
    ...Object.keys(manifest.dependencies),
    ...Object.keys(manifest.optionalDependencies),
    ...others,
  ];
  for (const name of names) await linkPackage(name, modules);
  return { directory: path, [Symbol.asyncDispose]: () => made.disposeAsync() };
};

/** One that npm has not installed on this machine is not there for a stranger either. */
const linkPackage = async (name: string, modules: string): Promise<void> => {
  const source = join(ROOT, 'node_modules', name);
  if (!existsSync(source)) return;
  await mkdir(dirname(join(modules, name)), { recursive: true });
  await symlink(await realpath(source), join(modules, name));
};
