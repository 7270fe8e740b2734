/** An app's directory that a test writes down: names and contents of its files. */
import { chmod, mkdir, mkdtempDisposable, realpath, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A file's content, an object for `JSON`, a link's target, or an empty directory (a name ending in `/`). */
export type AppFiles = Readonly<Record<string, string | object | { readonly linkTo: string }>>;

/** Writes the files into a fresh directory, which goes when it is disposed of; its path has no symbolic links. */
export const writeAppDirectory = async (files: AppFiles) => {
  const temporary = await mkdtempDisposable(join(await realpath(tmpdir()), 'wasmrun-app-'));
  // An app's user must be able to enter it.
  await chmod(temporary.path, 0o755);
  for (const [name, content] of Object.entries(files)) await writeEntry(join(temporary.path, name), content);
  return temporary;
};

const writeEntry = async (path: string, content: AppFiles[string]): Promise<void> => {
  await mkdir(path.endsWith('/') ? path : dirname(path), { recursive: true });
  if (path.endsWith('/')) return;
  if (typeof content === 'string') await writeFile(path, content);
  else if ('linkTo' in content && typeof content.linkTo === 'string') await symlink(content.linkTo, path);
  else await writeFile(path, JSON.stringify(content));
};
