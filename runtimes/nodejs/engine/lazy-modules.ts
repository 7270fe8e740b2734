/**
 * Modules of Node's own that few apps need something of: each takes milliseconds of every start where it is imported,
 * `node:crypto` alone as long as a fifth of a bare start.
 */

/** `node:net` */
export const net = (): typeof import('node:net') => process.getBuiltinModule('node:net');
/** `node:tty` */
export const tty = (): typeof import('node:tty') => process.getBuiltinModule('node:tty');
/** `node:zlib` */
export const zlib = (): typeof import('node:zlib') => process.getBuiltinModule('node:zlib');
