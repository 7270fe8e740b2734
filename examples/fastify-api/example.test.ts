/** The example as its README promises it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyExample, NODE_RUNNERS, type RunningApp } from '../../test/helpers/example-app.ts';
import { beginPost } from '../../test/helpers/unfinished-request.ts';

describe.each(NODE_RUNNERS)('fastify-api, run by $name', (runner) => {
  const resources = new AsyncDisposableStack();
  let directory: string;
  let app: RunningApp;

  beforeAll(async () => {
    directory = resources.use(await copyExample('fastify-api')).path;
    app = resources.use(await runner.start(directory));
  });
  afterAll(() => resources.disposeAsync());

  const send = (method: string, path: string, body?: unknown) =>
    fetch(`${app.url}${path}`, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    });

  const BOOK = { title: 'Moby-Dick', author: 'Herman Melville', year: 1851, tags: ['whales', 'sea'] };

  test('says that it is well', async () => {
    const response = await send('GET', '/health');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok', uptime: expect.any(Number) });
  });

  test('adds, lists, changes and removes a book', async () => {
    const added = await send('POST', '/books', BOOK);
    expect(added.status).toBe(201);
    const book = (await added.json()) as { id: string };
    expect(book).toEqual({ ...BOOK, id: expect.stringMatching(/^[\da-f-]{36}$/) });
    const path = added.headers.get('location')!;
    expect(path).toBe(`/books/${book.id}`);

    expect(await (await send('GET', '/books?tag=whales')).json()).toContainEqual(book);
    expect(await (await send('GET', '/books?tag=land')).json()).toEqual([]);
    const changed = { title: 'The Whale', author: 'Herman Melville' };
    expect(await (await send('PUT', path, changed)).json()).toEqual({ ...changed, id: book.id, tags: [] });
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await send('GET', path)).status).toBe(404);
  });

  test.each<[string, string, string, unknown, number, string]>([
    ['a path that is not there', 'GET', '/nowhere', undefined, 404, 'Route GET:/nowhere not found'],
    ['a book that is not there', 'GET', '/books/x', undefined, 404, 'there is no book x'],
    [
      'a book without author',
      'POST',
      '/books',
      { title: 'x' },
      400,
      "body must have required property 'author'",
    ],
    [
      'an empty title',
      'POST',
      '/books',
      { ...BOOK, title: '' },
      400,
      'body/title must NOT have fewer than 1 characters',
    ],
    [
      'a year that is no number',
      'POST',
      '/books',
      { ...BOOK, year: 'soon' },
      400,
      'body/year must be integer',
    ],
    ['a tag twice', 'POST', '/books', { ...BOOK, tags: ['a', 'a'] }, 400, 'must NOT have duplicate items'],
    ['a limit of nothing', 'GET', '/books?limit=0', undefined, 400, 'querystring/limit must be >= 1'],
    ['broken JSON', 'POST', '/books', '{', 400, 'JSON'],
  ])('refuses %s', async (_, method, path, body, status, message) => {
    const response = await send(method, path, body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      statusCode: status,
      message: expect.stringContaining(message),
    });
  });

  test('leaves out what the schema does not know', async () => {
    const added = await send('POST', '/books', { ...BOOK, secret: 'x' });
    expect(Object.keys((await added.json()) as object)).toEqual(['id', 'title', 'author', 'year', 'tags']);
  });

  test('logs a line of JSON for each request, and finishes what is in flight when it is told to stop', async () => {
    await using own = await runner.start(directory);
    const finish = await beginPost(`${own.url}/books`, BOOK);
    own.run.process.kill('SIGTERM');
    await own.run.printed(/SIGTERM: closing/);
    expect(await finish()).toEqual({ status: 201, body: expect.stringContaining('"title":"Moby-Dick"') });
    const { stdout, stderr } = await own.run.ended;
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const messages = lines.map(({ msg }) => String(msg));
    expect(messages[0]).toMatch(/^Server listening at http:/);
    expect(messages).toEqual(
      expect.arrayContaining(['incoming request', 'SIGTERM: closing', 'request completed', 'closed']),
    );
    expect(lines.find(({ msg }) => msg === 'request completed')).toMatchObject({ res: { statusCode: 201 } });
    expect(stderr).toMatch(runner.stderr);
  });
});
