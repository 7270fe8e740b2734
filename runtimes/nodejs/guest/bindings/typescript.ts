/**
 * TypeScript, in place of the parser in Node's library (internal/deps/amaro), which is WebAssembly. Types are replaced
 * by white space. What has to become code, such as enums, Node refuses; here it is transformed, with a source map.
 */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { lazily } from './util.ts';

interface Options {
  readonly mode: 'strip-only' | 'transform';
  readonly filename?: string;
}

/** What amaro says where the types cannot be left out. */
const NEEDS_CODE = 'UnsupportedSyntax';

const withMap = (code: string, map: string): string => {
  // Lines are others than in the file: stacks have to be looked up.
  const maps = lazily.requireLibrary!('internal/source_map/source_map_cache') as {
    getSourceMapsSupport(): { readonly enabled: boolean };
    setSourceMapsSupport(enabled: boolean): void;
  };
  if (!maps.getSourceMapsSupport().enabled) maps.setSourceMapsSupport(true);
  const bytes = host.encodeText(map, 'utf8');
  return `${code}\n//# sourceMappingURL=data:application/json;base64,${host.decodeText(bytes, 'base64')}`;
};

const transformSync = (source: string, { mode, filename }: Options): { readonly code: string } => {
  const result = host.transformTypeScript(source, mode, filename);
  if (!('snippet' in result)) {
    const [code, map] = result;
    return { code: map === undefined ? code : withMap(code, map) };
  }
  if (result.code === NEEDS_CODE && mode === 'strip-only') {
    return transformSync(source, { mode: 'transform', ...(filename === undefined ? {} : { filename }) });
  }
  // eslint-disable-next-line typescript/only-throw-error -- the library expects what amaro throws
  throw { ...result, filename };
};

export const createTypeScript = (): Binding => ({ transformSync });
