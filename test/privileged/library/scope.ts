/** A prefix for sandboxes of the library: at the end of the scope nothing of it may be left. */
import { expect } from 'vitest';
import { newPrefix, remains } from '../../helpers/cli.ts';

export interface PrefixScope extends Disposable {
  readonly prefix: string;
}

/** To be the first of its scope: what is made later is gone before it looks. */
export const newScope = (): PrefixScope => {
  const prefix = newPrefix();
  return { prefix, [Symbol.dispose]: () => expect(remains(prefix)).toEqual([]) };
};
