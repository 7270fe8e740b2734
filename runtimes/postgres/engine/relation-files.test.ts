import { expect, test } from 'vitest';
import { FdTable } from '../../../src/engine/fd-table.ts';
import { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { openMemoryFileSystems } from '../../../src/engine/mounts.ts';
import { RelationFiles } from './relation-files.ts';

const TABLE = 'base/5/16384';

test('a relation that was removed can be brought to disk by who does not know, until there is another one', () => {
  const relations = new RelationFiles();
  expect(relations.standIn(TABLE)).toBeUndefined();
  relations.onWrite(TABLE, 8192);
  relations.onRemove(TABLE);
  expect(relations.standIn(TABLE)?.sync(false)).toBe(0);
  relations.onCreate(TABLE);
  expect(relations.standIn(TABLE)).toBeUndefined();
});

test.each(['base/5/16384_fsm', 'base/5/16384.1', 'pg_tblspc/16400/PG_18/5/16384_vm'])('%s is one', (path) => {
  const relations = new RelationFiles();
  relations.onRemove(path);
  expect(relations.standIn(path)).toBeDefined();
});

test.each([
  'pg_wal/000000010000000000000001',
  'base/5/PG_VERSION',
  'base/5/t3_16384',
  'base/pgsql_tmp/pgsql_tmp7.0.fileset/i1of4.p0.0',
])('%s is none', (path) => {
  const relations = new RelationFiles();
  relations.onRemove(path);
  expect(relations.standIn(path)).toBeUndefined();
});

test('bytes of the log are counted', () => {
  const relations = new RelationFiles();
  relations.onWrite('pg_wal/000000010000000000000001', 8192);
  relations.onWrite(TABLE, 8192);
  expect(relations.takeLogBytes()).toBe(8192);
  expect(relations.takeLogBytes()).toBe(0);
});

test('all that was written is brought to disk, what is gone by then excepted', () => {
  const [directory] = openMemoryFileSystems(['/data']);
  const files = new GuestFileSystem(
    [{ path: '/data', directory: directory!, isSameOnHost: false }],
    new FdTable(),
  );
  files.changeDirectory('/data');
  files.makeDirectory('base', 0o700);
  const relations = new RelationFiles();
  relations.onWrite('base/1', 1);
  expect(relations.syncAll(files)).toBe(0);
});
