import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { STORE_VERSION } from '../../../src/sandbox/store-table.ts';
import { StoreFixture, newSandbox } from './store-fixture.ts';

const NAMES = Array.from({ length: 12 }, (_, index) => `web${String(index).padStart(2, '0')}`);
const ASIDE = /^sandboxes\.db\.(corrupt|version-\d+)-\d{4}-\d\d-\d\dT[\d:.]+Z$/;

interface Files {
  readonly database: Buffer;
  readonly log: Buffer;
}

/** A store of many pages as a killed process leaves it, a part of it in SQLite's log only. */
const makeFiles = async (): Promise<Files> => {
  using fixture = new StoreFixture();
  await using store = fixture.open();
  for (const name of NAMES.slice(0, 8)) await store.add(newSandbox(name));
  using foreign = new DatabaseSync(fixture.path);
  foreign.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  for (const name of NAMES.slice(8)) await store.add(newSandbox(name));
  return { database: readFileSync(fixture.path), log: readFileSync(`${fixture.path}-wal`) };
};

const writeFiles = (fixture: StoreFixture, { database, log }: Files): void => {
  mkdirSync(fixture.directory, { recursive: true, mode: 0o700 });
  writeFileSync(fixture.path, database);
  writeFileSync(`${fixture.path}-wal`, log);
};

/** The file that was set aside, if one was. */
const asideOf = (fixture: StoreFixture): string | undefined =>
  existsSync(fixture.directory) ? fixture.files().find((file) => ASIDE.test(file)) : undefined;

const files = await makeFiles();

/** Something that happens to a file. */
const damage = fc.oneof(
  fc
    .array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 20 })
    .map((bytes) => (file: Buffer): Buffer => {
      const damaged = Buffer.from(file);
      for (const [offset, byte] of bytes) damaged[offset % file.length] = byte;
      return damaged;
    }),
  // What is in the first bytes decides how the rest is read (sqlite.org/fileformat2.html, section 1.3).
  fc.tuple(fc.nat(99), fc.nat(255)).map(([offset, byte]) => (file: Buffer): Buffer => {
    const damaged = Buffer.from(file);
    damaged[offset] = byte;
    return damaged;
  }),
  fc.nat().map(
    (length) =>
      (file: Buffer): Buffer =>
        file.subarray(0, length % file.length),
  ),
  fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 5000 })).map(([offset, bytes]) => {
    return (file: Buffer): Buffer => {
      const damaged = Buffer.from(file);
      damaged.set(bytes.subarray(0, file.length - (offset % file.length)), offset % file.length);
      return damaged;
    };
  }),
  fc.uint8Array({ minLength: 1, maxLength: 5000 }).map((bytes) => (): Buffer => Buffer.from(bytes)),
);
const none = fc.constant((file: Buffer): Buffer => file);

test(
  'whatever happens to the file, the store works, and what it was is kept',
  { timeout: 120_000 },
  async () => {
    let setAside = 0;
    await fc.assert(
      fc.asyncProperty(damage, fc.oneof(none, damage), async (damageDatabase, damageLog) => {
        using fixture = new StoreFixture();
        const damaged = { database: damageDatabase(files.database), log: damageLog(files.log) };
        writeFiles(fixture, damaged);
        await using store = fixture.open();
        const found = await store.list();
        if (asideOf(fixture) !== undefined) expect(found).toEqual([]);
        // Some damage matters only to who writes.
        const added = await store.add(newSandbox('another'));
        const aside = asideOf(fixture);
        if (aside === undefined) {
          expect(fixture.warnings).toEqual([]);
          expect(new Set(await store.list())).toEqual(new Set([added, ...found]));
        } else {
          setAside += 1;
          expect(await store.list()).toEqual([added]);
          expect(fixture.warnings).toEqual([expect.stringContaining(aside)]);
          expect(readFileSync(`${fixture.directory}/${aside}`).equals(damaged.database)).toBe(true);
          expect(readFileSync(`${fixture.directory}/${aside}-wal`).equals(damaged.log)).toBe(true);
        }
        for (const { name } of await store.list()) await store.remove(name);
        expect(existsSync(fixture.path)).toBe(false);
        expect(asideOf(fixture)).toBe(aside);
      }),
      { numRuns: 300 },
    );
    // Else the damage would be none.
    expect(setAside).toBeGreaterThan(0);
  },
);

test('without damage all is there, from the file and from its log', async () => {
  using fixture = new StoreFixture();
  writeFiles(fixture, files);
  await using store = fixture.open();
  expect((await store.list()).map(({ name }) => name)).toEqual(NAMES);
});

const setFile = (fixture: StoreFixture, sql: string): void => {
  writeFiles(fixture, files);
  using database = new DatabaseSync(fixture.path);
  database.exec(sql);
};

test('a file of a newer version is set aside as it is, and named after it', async () => {
  using fixture = new StoreFixture();
  setFile(fixture, `PRAGMA user_version = ${STORE_VERSION + 1}`);
  await using store = fixture.open();
  const web = await store.add(newSandbox('web'));
  expect(await store.list()).toEqual([web]);
  const aside = asideOf(fixture)!;
  expect(aside).toContain(`.version-${STORE_VERSION + 1}-`);
  expect(fixture.warnings).toEqual([expect.stringContaining(`${fixture.directory}/${aside}`)]);
  using newer = new DatabaseSync(`${fixture.directory}/${aside}`);
  expect(newer.prepare('SELECT count(*) AS count FROM sandbox').get()).toEqual({ count: NAMES.length });
});

test.each([
  ['no JSON', `UPDATE sandbox SET launch = '{' WHERE name = 'web03'`],
  ['a relative path', `UPDATE sandbox SET launch = replace(launch, '/srv/app', 'app') WHERE name = 'web03'`],
  ['another field', `UPDATE sandbox SET launch = json_set(launch, '$.user', 'root') WHERE name = 'web03'`],
  [
    'a port that none is',
    `UPDATE sandbox SET forwards = replace(forwards, '8080', '80800') WHERE name = 'web03'`,
  ],
  ['an unknown word', `UPDATE sandbox SET wanted = 'paused' WHERE name = 'web03'`],
  ['a number too long', `UPDATE sandbox SET createdAt = 9223372036854775807 WHERE name = 'web03'`],
  ['another column', `ALTER TABLE sandbox ADD COLUMN label TEXT`],
  ['another table', `DROP TABLE sandbox; CREATE TABLE other (name TEXT)`],
  ['no version', `PRAGMA user_version = 0`],
])('a file with %s is set aside', async (_what, sql) => {
  using fixture = new StoreFixture();
  setFile(fixture, sql);
  await using store = fixture.open();
  expect(await store.find('web00')).toBeUndefined();
  expect(asideOf(fixture)).toContain('.corrupt-');
  expect(fixture.warnings).toHaveLength(1);
});

test('a log whose file was set aside by somebody who was killed over it is no part of the next file', async () => {
  using fixture = new StoreFixture();
  writeFiles(fixture, files);
  copyFileSync(`${fixture.path}-wal`, `${fixture.path}-journal`);
  using stale = new StoreFixture();
  mkdirSync(stale.directory, { recursive: true, mode: 0o700 });
  for (const suffix of ['-wal', '-journal']) copyFileSync(fixture.path + suffix, stale.path + suffix);
  await using store = stale.open();
  const web = await store.add(newSandbox('web'));
  expect(await store.list()).toEqual([web]);
  expect(stale.warnings).toEqual([]);
});

test('of many who find it damaged one sets it aside', async () => {
  using fixture = new StoreFixture();
  {
    await using first = fixture.open();
    await first.add(newSandbox('lost'));
  }
  await using early = fixture.open();
  await early.list();
  // As nobody should: by writing into a file that is in use.
  writeFileSync(fixture.path, Buffer.alloc(8192, 'damaged '));
  const stores = Array.from({ length: 6 }, () => fixture.open());
  const added = await Promise.all(stores.map((store, index) => store.add(newSandbox(`web${index}`))));
  expect(await early.list()).toEqual(added);
  expect(fixture.warnings).toHaveLength(1);
  for (const store of stores) await store[Symbol.asyncDispose]();
});
