/** Tries every transport and writes what it saw into docs/transports.md. Needs root. */
import { readFileSync, writeFileSync } from 'node:fs';
import { observeTransports, withTable } from '../test/privileged/docs/transport-table.ts';

const DOCUMENT = new URL('../docs/transports.md', import.meta.url);

const table = await observeTransports();
writeFileSync(DOCUMENT, withTable(readFileSync(DOCUMENT, 'utf8'), table));
console.log(table);
