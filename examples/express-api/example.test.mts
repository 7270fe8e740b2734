/** The example as its README promises it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyExample, NODE_RUNNERS, type RunningApp } from '../../test/helpers/example-app.ts';
import { beginPost } from '../../test/helpers/unfinished-request.ts';

describe.each(NODE_RUNNERS)('express-api, run by $name', (runner) => {
  const resources = new AsyncDisposableStack();
  let directory: string;
  let app: RunningApp;

  beforeAll(async () => {
    directory = resources.use(await copyExample('express-api')).path;
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

  test('says that it is well', async () => {
    const response = await send('GET', '/health');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await response.json()).toEqual({
      status: 'ok',
      uptime: expect.any(Number),
      todos: expect.any(Number),
    });
  });

  test('creates, reads, changes and deletes a todo', async () => {
    const created = await send('POST', '/todos', { title: 'Grüße ☀' });
    expect(created.status).toBe(201);
    const todo = (await created.json()) as { id: number };
    expect(todo).toEqual({
      id: todo.id,
      title: 'Grüße ☀',
      done: false,
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const path = created.headers.get('location')!;
    expect(path).toBe(`/todos/${todo.id}`);

    const changed = { ...todo, done: true };
    expect(await (await send('PATCH', path, { done: true })).json()).toEqual(changed);
    const read = await send('GET', path);
    expect(await read.json()).toEqual(changed);
    expect(read.headers.get('etag')).toMatch(/^W\/"/);
    const again = await fetch(`${app.url}${path}`, {
      // fetch itself would ask for a fresh answer.
      headers: { 'if-none-match': read.headers.get('etag')!, 'cache-control': 'max-age=0' },
    });
    expect(again.status).toBe(304);
    expect(await (await send('GET', '/todos?done=true')).json()).toContainEqual(changed);
    expect(await (await send('GET', '/todos?done=false')).json()).not.toContainEqual(changed);

    expect((await send('DELETE', path)).status).toBe(204);
    expect((await send('GET', path)).status).toBe(404);
    expect(await (await send('GET', '/todos')).json()).not.toContainEqual(changed);
  });

  test.each<[string, string, string, unknown, number, string]>([
    ['a path that is not there', 'GET', '/nowhere', undefined, 404, 'there is no GET /nowhere'],
    ['a todo that is not there', 'GET', '/todos/999', undefined, 404, 'there is no todo 999'],
    ['a todo without title', 'POST', '/todos', {}, 400, 'title is missing'],
    ['no body', 'POST', '/todos', undefined, 400, 'title is missing'],
    ['a wrong type', 'POST', '/todos', { title: 'x', done: 'yes' }, 400, 'done must be true or false'],
    ['broken JSON', 'POST', '/todos', '{"title":', 400, 'JSON'],
    ['a large body', 'POST', '/todos', { title: 'x'.repeat(200_000) }, 413, 'too large'],
  ])('refuses %s', async (_, method, path, body, status, message) => {
    const response = await send(method, path, body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { error: string }).error).toContain(message);
  });

  test('serves many at once', async () => {
    const titles = Array.from({ length: 50 }, (_, index) => `todo ${index}`);
    const answers = await Promise.all(
      titles.map(
        async (title) =>
          (await send('POST', '/todos', { title })).json() as Promise<{ id: number; title: string }>,
      ),
    );
    expect(answers.map(({ title }) => title)).toEqual(titles);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(50);
  });

  test('finishes what is in flight when it is told to stop', async () => {
    await using own = await runner.start(directory);
    const finish = await beginPost(`${own.url}/todos`, { title: 'last' });
    own.run.process.kill('SIGTERM');
    await own.run.printed(/^todos: closing$/m);
    await expect(fetch(`${own.url}/health`)).rejects.toThrow();
    expect(await finish()).toEqual({ status: 201, body: expect.stringContaining('"title":"last"') });
    const { stdout, stderr } = await own.run.ended;
    expect(stdout).toMatch(/^todos: listening on port \d+\ntodos: closing\ntodos: closed\n$/);
    expect(stderr).toMatch(runner.stderr);
  });
});
