/** The example as its README promises it: an app and its database, each in a sandbox of its own. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeAppDirectory } from '../../test/helpers/app-directory.ts';
import { newPrefix, remains, startCli } from '../../test/helpers/cli.ts';
import type { CliRun } from '../../test/helpers/cli.ts';
import { copyExample } from '../../test/helpers/example-app.ts';

/** As the app's own `.wasmrun.toml` has it in DATABASE_URL. */
const DATABASE = `
[app]
name = "db"
language = "postgres"

[postgres]
user = "app"
password = "not-a-secret"

[network]
forwards = ["5432"]
`;

const prefix = newPrefix();
const resources = new AsyncDisposableStack();
let directory: string;
let databaseDirectory: string;
let app: CliRun;
let url: string;

beforeAll(async () => {
  directory = resources.use(await copyExample('express-postgres')).path;
  databaseDirectory = resources.use(await writeAppDirectory({ '.wasmrun.toml': DATABASE })).path;
  app = resources.use(
    startCli(['os', directory, '--name', 'web', '--forward', '127.0.0.1::3000'], { prefix }),
  );
  url = (await app.url()).replace(/\/$/, '');
});
afterAll(async () => {
  await resources.disposeAsync();
  expect(remains(prefix)).toEqual([]);
});

/** Resolves when the database takes connections. */
const startDatabase = async (): Promise<CliRun> => {
  const run = resources.use(startCli(['os', databaseDirectory], { prefix }));
  await run.url();
  return run;
};

const stop = async (run: CliRun): Promise<void> => {
  run.process.kill('SIGTERM');
  expect(await run.ended).toMatchObject({ status: 143 });
};

const send = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${url}${path}`, {
    method,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });

const statusOf = async (method: string, path: string, body?: unknown): Promise<number> =>
  (await send(method, path, body)).status;

test('notes are kept in a database that may come later, go, and come back', async () => {
  await app.printed(/^notes: waiting for the database: connect ECONNREFUSED 198\.18\.0\.1:5432$/m);
  expect(app.stderr()).toContain('refused: web → db:5432: no sandbox of that name is running\n');
  const early = await send('GET', '/notes');
  expect([early.status, await early.json()]).toEqual([503, { error: 'the database does not answer' }]);

  const first = await startDatabase();
  await app.printed(/^notes: the database is there$/m);
  const created = await send('POST', '/notes', { text: 'Grüße ☀' });
  const note = (await created.json()) as { id: number };
  expect(created.status).toBe(201);
  expect(note).toEqual({ id: 1, text: 'Grüße ☀', created_at: expect.stringMatching(/^\d{4}-.*Z$/) });
  expect(created.headers.get('location')).toBe('/notes/1');
  expect(await (await send('GET', '/health')).json()).toEqual({ status: 'ok', notes: 1 });
  // Every connection of the pool.
  const statuses = await Promise.all(
    Array.from({ length: 40 }, (_, index) => statusOf('POST', '/notes', { text: `note ${index}` })),
  );
  expect(new Set(statuses)).toEqual(new Set([201]));

  await stop(first);
  await app.printed(
    /^notes: terminating connection due to administrator command$|^notes: Connection terminated/m,
  );
  expect(await statusOf('POST', '/notes', { text: 'lost' })).toBe(503);

  const second = await startDatabase();
  expect(await statusOf('POST', '/notes', { text: 'after' })).toBe(201);
  const notes = (await (await send('GET', '/notes')).json()) as { text: string }[];
  expect(notes).toHaveLength(42);
  expect(notes).toContainEqual(note);
  expect(notes.at(-1)).toMatchObject({ text: 'after' });
  expect(await statusOf('DELETE', '/notes/1')).toBe(204);
  expect(await statusOf('DELETE', '/notes/1')).toBe(404);
  expect(await statusOf('DELETE', '/notes/one')).toBe(404);
  expect(await statusOf('POST', '/notes', {})).toBe(400);
  expect(await statusOf('GET', '/nowhere')).toBe(404);

  app.process.kill('SIGTERM');
  const { stdout } = await app.ended;
  expect(stdout).toMatch(/^notes: listening on port 3000\n[^]*\nnotes: closing\nnotes: closed\n$/);
  await stop(second);
});
