import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { silentLog } from '../../../src/log.ts';
import { Store } from '../../../src/sandbox/store.ts';
import { StoreFixture, newSandbox } from './store-fixture.ts';

const names = async (store: Store): Promise<string[]> => (await store.list()).map(({ name }) => name);

test('what was added is found again by another process, as it was', async () => {
  using fixture = new StoreFixture();
  const before = Date.now();
  await using store = fixture.open();
  const web = await store.add(newSandbox('web'));
  expect(web).toEqual({ ...newSandbox('web'), id: web.id, createdAt: web.createdAt, ended: null });
  expect(web.id).toMatch(/^[0-9a-f]{12}$/);
  expect(web.createdAt).toBeGreaterThanOrEqual(before);
  await using other = fixture.open();
  await other.add(newSandbox('api'));
  expect(await store.find('web')).toEqual(web);
  expect(await other.find('web')).toEqual(web);
  expect(await store.find('none')).toBeUndefined();
  expect(await names(store)).toEqual(['api', 'web']);
  expect(fixture.warnings).toEqual([]);
});

test('a name exists once', async () => {
  using fixture = new StoreFixture();
  await using store = fixture.open();
  const web = await store.add(newSandbox('web'));
  await expect(store.add(newSandbox('web', 1))).rejects.toMatchObject({ code: 'NAME_IN_USE' });
  expect(await store.list()).toEqual([web]);
});

test('a change goes by what is there at that moment', async () => {
  using fixture = new StoreFixture();
  await using store = fixture.open();
  await using other = fixture.open();
  const web = await store.add({ ...newSandbox('web'), forwards: [] });
  const forward = newSandbox('web').forwards[0]!;
  // Each adds to what it finds: a change by an old look would undo the other's.
  await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      (index % 2 === 0 ? store : other).change('web', ({ forwards }) => ({
        forwards: [...forwards, { ...forward, hostPort: index }],
      })),
    ),
  );
  const { forwards } = (await store.find('web'))!;
  expect(forwards.map(({ hostPort }) => hostPort).sort((a, b) => a - b)).toEqual([...Array(40).keys()]);
  const stopped = await store.change('web', () => ({ wanted: 'stopped', restart: 'always', forwards: [] }));
  expect(stopped).toEqual({ ...web, wanted: 'stopped', restart: 'always' });
  expect(await other.list()).toEqual([stopped]);
});

test('what a decision throws leaves all as it was', async () => {
  using fixture = new StoreFixture();
  await using store = fixture.open();
  const web = await store.add(newSandbox('web'));
  const change = store.change('web', () => {
    throw new RangeError('no');
  });
  await expect(change).rejects.toThrow(RangeError);
  expect(await store.list()).toEqual([web]);
});

test('unknown sandboxes are neither changed nor removed, and no file is made for that', async () => {
  using fixture = new StoreFixture();
  await using store = fixture.open();
  expect(await store.list()).toEqual([]);
  expect(await store.find('web')).toBeUndefined();
  const error = { code: 'SANDBOX_NOT_FOUND' };
  await expect(store.change('web', () => ({ wanted: 'stopped' }))).rejects.toMatchObject(error);
  await expect(store.remove('web')).rejects.toMatchObject(error);
  expect(fixture.remains()).toEqual([]);
  await store.add(newSandbox('api'));
  await expect(store.change('web', () => ({}))).rejects.toMatchObject(error);
  await expect(store.remove('web')).rejects.toMatchObject(error);
});

test('the last removal takes everything away, though others have the file open', async () => {
  using fixture = new StoreFixture();
  await using store = fixture.open();
  await using other = fixture.open();
  await store.add(newSandbox('web'));
  await other.add(newSandbox('api'));
  await store.remove('web');
  await store.remove('api');
  expect(fixture.remains()).toEqual([]);
  // What it has open is no file any more: it must neither write there nor take away what belongs to the new one.
  await store.add(newSandbox('next'));
  expect(await names(other)).toEqual(['next']);
  await other.add(newSandbox('last'));
  expect(await names(store)).toEqual(['last', 'next']);
});

test('who closes leaves the file alone, or what others keep beside it', async () => {
  using fixture = new StoreFixture();
  await using stale = fixture.open();
  {
    await using store = fixture.open();
    await stale.add(newSandbox('web'));
    await store.remove('web');
    await store.add(newSandbox('next'));
    await stale[Symbol.asyncDispose]();
    expect(fixture.files()).toEqual(['sandboxes.db', 'sandboxes.db-shm', 'sandboxes.db-wal']);
  }
  expect(fixture.files()).toEqual(['sandboxes.db']);
  await using again = fixture.open();
  expect(await names(again)).toEqual(['next']);
});

test('an empty file that somebody killed left behind is taken away by the next look', async () => {
  using fixture = new StoreFixture();
  mkdirSync(fixture.directory, { recursive: true, mode: 0o700 });
  new DatabaseSync(fixture.path).close();
  await using store = fixture.open();
  expect(await store.list()).toEqual([]);
  expect(fixture.remains()).toEqual([]);
  expect(fixture.warnings).toEqual([]);
});

test('nobody else may read it', async () => {
  using fixture = new StoreFixture();
  const mask = process.umask(0o022);
  try {
    await using store = fixture.open();
    await store.add(newSandbox('web'));
    const paths = [fixture.root, fixture.directory, ...['', '-wal', '-shm'].map((end) => fixture.path + end)];
    expect(paths.map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700, 0o600, 0o600, 0o600]);
  } finally {
    process.umask(mask);
  }
});

const DENIED = { name: 'WasmrunError', code: 'PERMISSION_DENIED' };

test.each(['root', 'directory'] as const)('a %s that is not only ours is refused', async (which) => {
  using fixture = new StoreFixture();
  await using store = fixture.open();
  mkdirSync(fixture.directory, { recursive: true, mode: 0o700 });
  chmodSync(fixture[which], 0o770);
  await expect(store.add(newSandbox('web'))).rejects.toMatchObject(DENIED);
  await expect(store.list()).rejects.toMatchObject(DENIED);
  expect(fixture.remains()).toEqual(['wasmrun', 'wasmrun/test']);
});

test('one that is a link is refused', async () => {
  using fixture = new StoreFixture();
  using target = new StoreFixture();
  mkdirSync(target.root, { mode: 0o700 });
  symlinkSync(target.root, fixture.root);
  await using store = fixture.open();
  await expect(store.add(newSandbox('web'))).rejects.toMatchObject(DENIED);
  expect(existsSync(target.directory)).toBe(false);
});

test('one of another user is refused', async () => {
  using fixture = new StoreFixture();
  const isRoot = process.geteuid!() === 0;
  mkdirSync(fixture.root, { mode: 0o700 });
  if (isRoot) chownSync(fixture.root, 4711, 4711);
  await using store = isRoot ? fixture.open() : new Store('test', { log: silentLog, root: '/usr' });
  await expect(store.list()).rejects.toMatchObject(DENIED);
  await expect(store.add(newSandbox('web'))).rejects.toThrow(`belongs to user ${isRoot ? 4711 : 0}`);
});

test('a thousand changes make the file no longer', async () => {
  using fixture = new StoreFixture();
  await using store = fixture.open();
  await store.add(newSandbox('web'));
  const change = async (times: number): Promise<number[]> => {
    for (let turn = 0; turn < times; turn++)
      await store.change('web', () => ({ forwards: newSandbox('web', turn).forwards }));
    return fixture.files().map((file) => statSync(`${fixture.directory}/${file}`).size);
  };
  const sizes = await change(200);
  expect(await change(800)).toEqual(sizes);
});
