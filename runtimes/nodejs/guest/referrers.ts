/**
 * Which script an `import()` stands in: QuickJS tells its file name only. Scripts that load modules in their own way
 * are known by theirs; the last one of a name is the one that is meant.
 */
import { symbols } from './constants.ts';

const options = new Map<string, symbol>();
const USUAL = symbols['vm_dynamic_import_default_internal']!;

/** Remembers the host-defined option (lib/internal/modules/esm/utils.js) of the script with a file name. */
export const rememberReferrer = (filename: string, option: symbol): void => {
  if (option === USUAL) options.delete(filename);
  else options.set(filename, option);
};

export const referrerOption = (filename: string): symbol => options.get(filename) ?? USUAL;
