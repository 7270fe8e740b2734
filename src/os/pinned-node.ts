/** The Node that runs engines. A sandbox whose wall is V8 pins its V8. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** The pinned binary that npm locked, or the Node that runs this where none fits the platform. */
export const pinnedNode = (): string => {
  try {
    return join(
      dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`)),
      'bin',
      'node',
    );
  } catch {
    return process.execPath;
  }
};
