/** How absolute paths lie to each other. */

/** Whether `path` lies somewhere inside `directory`; a path is not below itself. */
export const isBelow = (path: string, directory: string): boolean =>
  path.length > directory.length && path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);

/** The paths of a list that lie in none of the others, each once. */
export const outermost = (paths: readonly string[]): readonly string[] =>
  [...new Set(paths)].filter((path) => !paths.some((other) => isBelow(path, other)));
