/** `npm run bench -- NAME [OPTIONS]`: runs one of the benchmarks in this folder. */
import { existsSync, readdirSync } from 'node:fs';

// The rest is for the benchmark itself.
const [name] = process.argv.splice(2, 1);
const script = new URL(`./${name}.bench.ts`, import.meta.url);
if (name === undefined || !existsSync(script)) {
  const names = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.bench.ts'));
  console.error(
    `usage: npm run bench -- NAME\nbenchmarks: ${names.map((file) => file.replace('.bench.ts', '')).join(', ')}`,
  );
  process.exitCode = 2;
} else await import(script.href);
