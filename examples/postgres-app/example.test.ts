/** The example as its README promises it. */
import { readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../test/helpers/app-directory.ts';
import { startDatabaseIn } from '../../test/helpers/database.ts';

const SOURCE = fileURLToPath(new URL('.', import.meta.url));
const AS_APP = { user: 'app', database: 'app', env: { PGPASSWORD: 'not-a-secret' } };

test('has what its files say, keeps what is added, and asks for the password', async () => {
  await using copy = await writeAppDirectory({});
  await cp(SOURCE, copy.path, { recursive: true, filter: (path) => basename(path) !== 'data' });
  const [, question] = /psql .* -c "(.*)"/.exec(readFileSync(`${SOURCE}/README.md`, 'utf8'))!;
  {
    await using database = await startDatabaseIn(copy.path);
    expect(database.run.stderr()).toContain('init schema.sql, seed.sql\n');
    expect((await database.psql([question!], AS_APP)).stdout).toBe('The Time Machine\n');
    await database.psql(
      ["insert into book (author, title, year) values (3, 'The Invisible Man', 1897)"],
      AS_APP,
    );
  }
  await using database = await startDatabaseIn(copy.path);
  const { stdout } = await database.psql(
    ['select name, count(*) from book join author on author.id = author group by name order by name'],
    AS_APP,
  );
  expect(stdout).toBe('H. G. Wells|2\nJules Verne|2\nMary Shelley|2\n');
  const refused = await database.psql(['select 1'], { ...AS_APP, env: { PGPASSWORD: 'guessed' } });
  expect(refused.stderr).toContain('password authentication failed for user "app"');
  const fresh = await startDatabaseIn(copy.path, ['--tmpfs', '/var/lib/postgresql/data']);
  await using _stopped = fresh;
  expect((await fresh.psql(['select count(*) from book'], AS_APP)).stdout).toBe('5\n');
});
