/**
 * Node's own JavaScript library, as it lies in the engine's Node binary: nothing of it is copied into this project.
 * `process.binding('natives')` is its text by module name.
 */
const sources = (process as unknown as { binding(name: string): Record<string, string> }).binding('natives');

/** All of it. */
export const librarySources: Readonly<Record<string, string>> = sources;

/** The text of a module of the library, such as `internal/util`; undefined where there is none. */
export const librarySource = (id: string): string | undefined => sources[id];
