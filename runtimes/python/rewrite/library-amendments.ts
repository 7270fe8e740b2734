/**
 * Places of Python's library that are different here: what the interpreter was compiled without although the engine has
 * it, and what is not there in a sandbox and says so by this. A place is known by its text; where it is not found, the
 * build fails.
 */
import { changeArchive } from './zip-archive.ts';

interface Amendment {
  readonly file: string;
  /** A text that is in the file once. */
  readonly place: string;
  readonly text: string;
}

const ONE_PROCESS = 'a sandbox of wasmrun runs one program in one process';

const AMENDMENTS: readonly Amendment[] = [
  {
    // Emscripten's own sockets know no such options, so its header has no names of them (socket.h of Linux).
    file: 'socket.py',
    place: 'from _socket import *\n',
    text: 'from _socket import *\n\n_socket.SO_REUSEADDR = SO_REUSEADDR = 2\n_socket.SO_REUSEPORT = SO_REUSEPORT = 15\n',
  },
  {
    // Who asks for the names of network interfaces would only be refused.
    file: 'socket.py',
    place: 'import io\nimport os\nimport sys\n',
    text: 'del if_nameindex, if_nametoindex, if_indextoname\n\nimport io\nimport os\nimport sys\n',
  },
  {
    file: 'ctypes/__init__.py',
    place: 'import os as _os',
    text: "raise ImportError('ctypes is not there in a sandbox of wasmrun: no code but WebAssembly can be called')\nimport os as _os",
  },
  {
    file: 'subprocess.py',
    place: 'f"{sys.platform} does not support processes."',
    text: `"no other program can be started: ${ONE_PROCESS}"`,
  },
  {
    file: 'multiprocessing/process.py',
    place: "        assert self._popen is None, 'cannot start a process twice'\n",
    text: `        raise OSError('no other process can be started: ${ONE_PROCESS}')\n`,
  },
];

/**
 * The library with its amendments.
 * @param added - modules of ours, by the name of their file
 * @throws {RangeError} where a place is not there
 */
export const amendLibrary = (archive: Uint8Array, added: Readonly<Record<string, Uint8Array>>): Buffer => {
  const left = new Set(AMENDMENTS);
  const change = (name: string, content: () => Buffer): Uint8Array | undefined => {
    const wanted = AMENDMENTS.filter(({ file }) => file === name);
    if (wanted.length === 0) return undefined;
    let source = content().toString();
    for (const amendment of wanted) {
      source = amend(source, amendment);
      left.delete(amendment);
    }
    return Buffer.from(source);
  };
  const amended = changeArchive(archive, change, added);
  for (const { file } of left) throw new RangeError(`Python's library has no ${file}`);
  return amended;
};

const amend = (source: string, { file, place, text }: Amendment): string => {
  const parts = source.split(place);
  if (parts.length !== 2)
    throw new RangeError(`${file} looks different: ${place} is there ${parts.length - 1} times`);
  return parts.join(text);
};
