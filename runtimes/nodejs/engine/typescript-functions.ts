/**
 * TypeScript becomes JavaScript: by the parser in the engine's own Node, which is WebAssembly and does not run in the
 * guest. It only reads and writes texts.
 */
import { createRequire } from 'node:module';
import type { HostFunction } from './bridge.ts';

/** What amaro throws (https://github.com/nodejs/amaro), which is no Error. */
interface Problem {
  readonly code?: string;
  readonly message?: string;
  readonly filename?: string;
  readonly startLine?: number;
  readonly snippet?: string;
}

interface Amaro {
  transformSync(
    source: string,
    options: {
      readonly mode: 'strip-only' | 'transform';
      readonly filename?: string;
      readonly sourceMap?: boolean;
    },
  ): { readonly code: string; readonly map?: string };
}

/** Its WebAssembly is megabytes: only for apps that need it. */
let amaro: Amaro | undefined;
const load = (): Amaro =>
  (amaro ??= createRequire(import.meta.url)('internal/deps/amaro/dist/index') as Amaro);

export const typescriptFunctions: Readonly<Record<string, HostFunction>> = {
  transformTypeScript: (source: string, mode: 'strip-only' | 'transform', filename: string | undefined) => {
    const sourceMap = mode === 'transform';
    const file = filename === undefined ? {} : { filename };
    try {
      const { code, map } = load().transformSync(source, { mode, sourceMap, ...file });
      return map === undefined ? [code] : [code, map];
    } catch (error) {
      const { code, message, startLine, snippet } = error as Problem;
      return {
        code: code ?? '',
        message: message ?? String(error),
        startLine: startLine ?? 0,
        snippet: snippet ?? '',
      };
    }
  },
};
