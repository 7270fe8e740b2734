/** The example as its README promises it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyPythonExample, startPythonApp } from '../../test/helpers/python-app.ts';
import type { RunningPythonApp } from '../../test/helpers/python-app.ts';

const resources = new AsyncDisposableStack();
let app: RunningPythonApp;

beforeAll(async () => {
  const { path } = resources.use(await copyPythonExample('flask-api'));
  app = resources.use(await startPythonApp(path, 5000));
});
afterAll(() => resources.disposeAsync());

const form = (fields: Record<string, string>): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams(fields),
  redirect: 'manual',
});

const json = (value: unknown): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(value),
  headers: { 'content-type': 'application/json' },
});

test('is healthy, and says since when it runs', async () => {
  expect(await (await fetch(`${app.url}/health`)).json()).toEqual({ status: 'ok' });
  const status = await fetch(`${app.url}/api/status`);
  expect(status.headers.get('server')).toMatch(/^Werkzeug\/3\.\S+ Python\/3\.14\./);
  expect(await status.json()).toEqual({ status: 'running', uptime: expect.any(Number) });
});

test('takes entries by a form and as JSON, and shows them', async () => {
  expect(await (await fetch(app.url)).text()).toContain('<li>Nobody yet.</li>');
  const signed = await fetch(app.url, form({ name: 'Grace', message: '<b>Hi</b>' }));
  expect([signed.status, signed.headers.get('location')]).toEqual([302, '/']);
  const added = await fetch(`${app.url}/api/entries`, json({ name: 'Ada', message: 'Hello' }));
  expect([added.status, await added.json()]).toEqual([201, { name: 'Ada', message: 'Hello' }]);
  const page = await (await fetch(app.url)).text();
  expect(page).toContain('<li><b>Grace</b> &lt;b&gt;Hi&lt;/b&gt;</li>');
  expect(page).toContain('<li><b>Ada</b> Hello</li>');
  const entries = await fetch(`${app.url}/api/entries`);
  expect(await entries.json()).toEqual([
    { name: 'Grace', message: '<b>Hi</b>' },
    { name: 'Ada', message: 'Hello' },
  ]);
});

test('refuses what has no name, what is no JSON, and what is not there', async () => {
  const unnamed = await fetch(app.url, form({ name: ' ' }));
  expect(unnamed.status).toBe(400);
  expect(await unnamed.text()).toContain('<p role="alert">Who are you?</p>');
  const empty = await fetch(`${app.url}/api/entries`, json({ name: '' }));
  expect([empty.status, await empty.json()]).toEqual([400, { error: 'name is missing' }]);
  const broken = await fetch(`${app.url}/api/entries`, { ...json(0), body: '{' });
  expect(broken.status).toBe(400);
  const lost = await fetch(`${app.url}/nowhere`);
  expect([lost.status, await lost.json()]).toEqual([404, { error: 'there is nothing here' }]);
});
