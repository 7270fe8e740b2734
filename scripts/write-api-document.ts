/** Writes docs/api.md anew. */
import { writeFileSync } from 'node:fs';
import { describeApi } from './api-document.ts';

writeFileSync(new URL('../docs/api.md', import.meta.url), describeApi());
