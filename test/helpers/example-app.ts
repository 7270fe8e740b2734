/** Examples with dependencies: installed by npm as their users do, and run by whoever can run them. */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { chmod, cp, mkdir, mkdtempDisposable, readFile, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describeNodeApp } from '../../runtimes/nodejs/node-app.ts';
import { expect } from 'vitest';
import { newPrefix, remains, startCli, type CliRun } from './cli.ts';
import { freePort } from './free-port.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
/** What was installed before, one directory for each lock file. */
const INSTALLED = fileURLToPath(new URL('../../.test-tools/examples', import.meta.url));
/** What decides what npm installs. */
const PACKAGE_FILES = ['package.json', 'package-lock.json'] as const;

/**
 * A copy of an example, with everything its lock file names in `node_modules`, for anybody to read. The first
 * time npm installs it, from its registry.
 */
export const copyExample = async (name: string) => {
  const source = join(EXAMPLES, name);
  const nodeModules = await installDependencies(name);
  const copy = await mkdtempDisposable(join(tmpdir(), `wasmrun-${name}-`));
  try {
    // An app's user must be able to enter it.
    await chmod(copy.path, 0o755);
    await cp(source, copy.path, { recursive: true, filter: (path) => basename(path) !== 'node_modules' });
    await cp(nodeModules, join(copy.path, 'node_modules'), { recursive: true, verbatimSymlinks: true });
    return copy;
  } catch (error) {
    await copy.remove();
    throw error;
  }
};

/** Returns the path of `node_modules`. */
const installDependencies = async (name: string): Promise<string> => {
  const files = PACKAGE_FILES.map((file) => join(EXAMPLES, name, file));
  const contents = await Promise.all(files.map((file) => readFile(file)));
  const digest = createHash('sha256').update(Buffer.concat(contents)).digest('hex').slice(0, 16);
  const installed = join(INSTALLED, `${name}-${digest}`);
  if (existsSync(installed)) return join(installed, 'node_modules');

  const draft = join(INSTALLED, `draft-${randomUUID()}`);
  await mkdir(draft, { recursive: true });
  try {
    await Promise.all(files.map((file) => cp(file, join(draft, basename(file)))));
    await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: draft });
    // Whole or not at all. Another test run may have been faster: then this fails, and the other's is as good.
    await rename(draft, installed).catch((error: unknown) => {
      if (!existsSync(installed)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return join(installed, 'node_modules');
};

/** A way to run an app for Node.js. */
export interface NodeRunner {
  readonly name: string;
  /** What stands on standard error in the end, if the app itself writes nothing there. */
  readonly stderr: RegExp;
  /** Starts the app in `directory`; resolves when it listens. */
  start(directory: string): Promise<RunningApp>;
}

export interface RunningApp extends AsyncDisposable {
  /** Where it answers, without a slash at the end. */
  readonly url: string;
  readonly run: CliRun;
}

/** Node itself, the pinned one, without a sandbox: what an example does here it must do everywhere. */
const plainNode: NodeRunner = {
  name: 'plain Node',
  stderr: /^$/,
  async start(directory) {
    const { entry, args } = await describeNodeApp({ directory, args: [], reason: 'a test' });
    const port = await freePort();
    const run = startCli([...entry.flags.execArgv, entry.file, ...args], {
      command: [process.execPath],
      cwd: entry.workingDirectory,
      env: { ...entry.variables, PORT: String(port) },
    });
    await run.printed(/listening/);
    return { url: `http://127.0.0.1:${port}`, run, [Symbol.asyncDispose]: () => run[Symbol.asyncDispose]() };
  },
};

/** The product: the same app as WebAssembly in a sandbox, reached through a forward. */
const wasmrun: NodeRunner = {
  name: 'wasmrun',
  // The sandbox, and where it is reached.
  stderr: /^\S+ {2}10\.\S+ {2}\(namespace \S+\)\nhttp:\/\/127\.0\.0\.1:\d+ → \S+:3000 {2}\S+\n$/,
  async start(directory) {
    const prefix = newPrefix();
    const run = startCli(['os', directory, '--forward', '127.0.0.1::3000'], { prefix });
    await run.printed(/listening/);
    return {
      url: (await run.url()).replace(/\/$/, ''),
      run,
      async [Symbol.asyncDispose]() {
        run.process.kill('SIGTERM');
        await run.ended;
        expect(remains(prefix)).toEqual([]);
      },
    };
  },
};

/** Everything that must run the examples alike. */
export const NODE_RUNNERS: readonly NodeRunner[] = [plainNode, wasmrun];
