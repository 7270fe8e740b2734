/** The part of scripts/build.ts that makes CPython and its library out of npm's `pyodide`. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { compileAtOnce, compiledFunctions } from '../src/wasm/compilation-hints.ts';
import { redirectFunctions } from '../runtimes/python/rewrite/redirections.ts';
import { separateData } from '../runtimes/python/rewrite/separate-data.ts';
import { compileLibrary } from './compile-python-library.ts';

/** Where CPython looks for it: sys.platlibdir and the version, below PYTHONHOME. */
const LIBRARY = 'python314.zip';

/** @param root - of the package, with a slash at its end; the driver is there already */
export const buildPython = async (root: string): Promise<void> => {
  const directory = `${root}dist/drivers/python`;
  const pyodide = `${root}node_modules/pyodide`;
  const interpreter = separateData(redirectFunctions(readFileSync(`${pyodide}/pyodide.asm.wasm`)));
  writeFileSync(`${directory}/python.wasm`, interpreter.module);
  writeFileSync(`${directory}/python.memory`, interpreter.memory);
  const sourceDirectory = `${directory}/sources`;
  for (const each of [`${directory}/lib`, sourceDirectory]) mkdirSync(each);
  copyFileSync(`${pyodide}/python_stdlib.zip`, `${sourceDirectory}/${LIBRARY}`);
  await compileLibrary({
    module: `${directory}/python.wasm`,
    initialMemory: `${directory}/python.memory`,
    sourceDirectory,
    targetDirectory: `${directory}/lib`,
  });
  rmSync(sourceDirectory, { recursive: true });
  nameEagerFunctions(directory, `${root}scripts/train-python.ts`);
  // What snapshots of apps are made of, besides the apps.
  const hash = createHash('sha256');
  for (const file of ['python.wasm', 'python.memory', 'main.cjs', `lib/${LIBRARY}`]) {
    hash.update(readFileSync(`${directory}/${file}`));
  }
  writeFileSync(`${directory}/build-hash.txt`, hash.digest('hex'));
};

/** Finds out which functions starts need, in the second run of a program: the first one makes its snapshot. */
const nameEagerFunctions = (directory: string, program: string): void => {
  const snapshot = `${directory}/training.snapshot`;
  const args = ['--trace-wasm-compilation-times', program, directory, snapshot];
  const [, trace = ''] = [1, 2].map(() => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    if (status !== 0) throw new Error(`the interpreter could not be trained: ${stderr}`);
    return stdout;
  });
  for (const file of [snapshot, `${snapshot}.next`]) rmSync(file, { force: true });
  const file = `${directory}/python.wasm`;
  writeFileSync(file, compileAtOnce(readFileSync(file), compiledFunctions(trace)));
};
