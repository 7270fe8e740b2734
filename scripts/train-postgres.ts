/**
 * Starts PGlite on a data directory that is ready and asks it something: what V8 compiles for that is what the start of a
 * backend and its first query need (scripts/build-postgres.ts).
 *
 *   node --trace-wasm-compilation-times scripts/train-postgres.ts DIRECTORY
 */
import { PGlite } from '@electric-sql/pglite';

const database = await PGlite.create({ dataDir: process.argv[2]! });
await database.query('select 1');
await database.close();
