/**
 * Loads koffi by its prebuilt binary for this platform and glibc, in an npm package of its own that koffi depends on.
 * Its front door looks for that binary in a dozen places first, and the package's finds out which C library
 * there is, which costs every supervisor and every engine a quarter of a bare Node start; the front door
 * remains the way in where the short one does not lead.
 */
import { createRequire } from 'node:module';
import type Koffi from 'koffi';

const require = createRequire(import.meta.url);

const load = (): typeof Koffi => {
  try {
    const asKoffi = createRequire(require.resolve('koffi'));
    const platform = `${process.platform}_${process.arch}`;
    return asKoffi(
      `@koromix/koffi-${process.platform}-${process.arch}/${platform}/koffi.node`,
    ) as typeof Koffi;
  } catch {
    return require('koffi') as typeof Koffi;
  }
};

export const koffi = load();
