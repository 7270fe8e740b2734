/** Errors as libuv numbers them on Linux: negated errnos (uv/errno.h). The engine's own are negated WASI errnos. */
import { ERRNO } from '../guest/errno.ts';
import { constants } from 'node:os';
import { WASI } from '../../../src/engine/errno.ts';

const uvOfWasi = new Map(
  Object.entries(WASI).flatMap(([name, wasi]) => {
    const linux = (constants.errno as Record<string, number>)[name];
    return linux === undefined ? [] : [[-wasi, -linux] as const];
  }),
);
// What a capability forbids is not permitted, in libuv's words.
uvOfWasi.set(-WASI.ENOTCAPABLE, -constants.errno.EACCES);

/** A negated WASI errno as an error of libuv; what is no error stays as it is. */
export const toUv = (result: number): number =>
  result < 0 ? (uvOfWasi.get(result) ?? ERRNO.UNKNOWN) : result;
