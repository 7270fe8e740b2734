/**
 * Brings Flask and what it needs for the tests, in versions for the Python of the engine: those of this machine's Debian
 * are older than that Python, whose packages are in Debian sid.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackFromSid } from './debian-sid.ts';

const DIRECTORY = fileURLToPath(new URL('../.test-tools/python', import.meta.url));

/** A directory of packages, as `pip install --target` would make it. */
export const PYTHON_PACKAGES = join(DIRECTORY, 'usr/lib/python3/dist-packages');

const PACKAGES = [
  ['flask', 'werkzeug', 'jinja2', 'click', 'itsdangerous', 'blinker', 'markupsafe'],
  // An application server for asyncio, and a framework for it.
  ['uvicorn', 'starlette', 'anyio', 'h11', 'idna', 'sniffio', 'typing-extensions'],
].flatMap((names) => names.map((name) => `python3-${name}`));

/**
 * Downloads and unpacks the packages unless that has been done. Needs apt.
 * @returns false where a step failed; it has said so itself
 */
export const unpackPythonPackages = (): boolean => {
  if (existsSync(DIRECTORY)) return true;
  const draft = `${DIRECTORY}.draft`;
  rmSync(draft, { recursive: true, force: true });
  try {
    unpackFromSid(PACKAGES, draft);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
  renameSync(draft, DIRECTORY);
  return true;
};
