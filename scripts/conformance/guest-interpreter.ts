/**
 * A Python interpreter for tests that start servers by `sys.executable`: what it is told to run is run by `wasmrun os`.
 *
 *   guest-interpreter.ts FILE APP ARGUMENTS
 *
 * As Werkzeug's tests/conftest.py starts tests/live_apps/run.py: ARGUMENTS is a JSON document with the port to serve.
 * The present directory is the test's own, for its files. Of the environment `PYTHONPATH` is passed on.
 */
import { chmodSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { pythonGuestCommand } from '../../test/helpers/python-command.ts';

const [file, app, json] = process.argv.slice(2);
if (file === undefined || app === undefined || json === undefined) throw new Error('FILE APP ARGUMENTS');
const { port } = JSON.parse(json) as { readonly port?: number };
const { SUITE_PREFIX: prefix = 's', PYTHONPATH = '' } = process.env;
const ownDirectory = process.cwd();
// Of root's, pytest makes it for root alone; the engine of an app of root's is nobody.
chmodSync(ownDirectory, 0o755);

const command = pythonGuestCommand(
  {
    directory: dirname(file),
    module: basename(file),
    args: [app, json],
    env: { PYTHONPATH },
  },
  {
    prefix,
    name: `python-${process.pid}`,
    forwards: port === undefined ? [] : [`127.0.0.1:${port}:${port}`],
    mounts: [`${ownDirectory}:${ownDirectory}`],
  },
);
process.chdir(command.cwd);
// Whoever ends this process ends the sandbox.
process.execve!(command.file, [command.file, ...command.args], command.env);
