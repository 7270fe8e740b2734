/**
 * Loads koffi by its prebuilt binary for this platform, an npm package of its own that koffi depends on.
 * Its front door looks for that binary in a dozen places first, which costs every supervisor and every
 * engine a quarter of a bare Node start; it remains the way in where the short one does not lead.
 */
import { createRequire } from 'node:module';
import type Koffi from 'koffi';

const require = createRequire(import.meta.url);

const load = (): typeof Koffi => {
  try {
    const asKoffi = createRequire(require.resolve('koffi'));
    return asKoffi(`@koromix/koffi-${process.platform}-${process.arch}`) as typeof Koffi;
  } catch {
    return require('koffi') as typeof Koffi;
  }
};

export const koffi = load();
