/** Errors of the system, as the C++ side of Node makes them (api/exceptions.cc, UVException). */
import { errorMap } from './constants.ts';
import type { FilePath } from './file-host.ts';

const textOf = (path: FilePath): string =>
  typeof path === 'string' ? path : (path as Uint8Array & { toString(): string }).toString();

export const systemError = (errno: number, syscall: string, path?: FilePath, dest?: FilePath): Error => {
  const [code, text] = errorMap.get(errno) ?? ['UNKNOWN', 'unknown error'];
  let message = `${code}: ${text}, ${syscall}`;
  if (path !== undefined) message += ` '${textOf(path)}'`;
  if (dest !== undefined) message += ` -> '${textOf(dest)}'`;
  return Object.assign(
    new Error(message),
    { errno, code, syscall },
    path === undefined ? {} : { path: textOf(path) },
    dest === undefined ? {} : { dest: textOf(dest) },
  );
};

/** One of Node's own errors that its C++ side throws. */
export const codedError = (code: string, message: string): Error =>
  Object.assign(new Error(message), { code });

/** The result, unless it is an error number. */
export const check = <Value>(
  result: Value | number,
  syscall: string,
  path?: FilePath,
  dest?: FilePath,
): Value => {
  if (typeof result === 'number' && result < 0) throw systemError(result, syscall, path, dest);
  return result as Value;
};
