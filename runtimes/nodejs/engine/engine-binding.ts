/** Internal bindings of the engine's own Node, which is started with `--expose-internals` for them. */
import { createRequire } from 'node:module';

const internals = createRequire(import.meta.url)('internal/test/binding') as {
  internalBinding(name: string): Record<string, unknown>;
};

/** Throws where this Node has no binding of the name. */
export const engineBinding = (name: string): Record<string, unknown> => internals.internalBinding(name);
