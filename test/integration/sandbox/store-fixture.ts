/** A store of a test's own, and what is kept in it. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Store } from '../../../src/sandbox/store.ts';
import type { NewSandbox } from '../../../src/sandbox/stored-sandbox.ts';

export class StoreFixture implements Disposable {
  readonly #parent = mkdtempSync(join(tmpdir(), 'wasmrun-store-'));
  /** Directory of all prefixes. */
  readonly root = join(this.#parent, 'wasmrun');
  readonly directory = join(this.root, 'test');
  readonly path = join(this.directory, 'sandboxes.db');
  readonly warnings: string[] = [];

  open(): Store {
    const log = { detail() {}, info() {}, warn: (message: string) => this.warnings.push(message) };
    return new Store('test', { log, root: this.root });
  }

  /** Names of what lies in the store's directory. */
  files(): string[] {
    return readdirSync(this.directory).sort();
  }

  /** All there is below, which is nothing when all is as before. */
  remains(): string[] {
    return readdirSync(this.#parent, { recursive: true, encoding: 'utf8' });
  }

  [Symbol.dispose](): void {
    rmSync(this.#parent, { recursive: true });
  }
}

export const newSandbox = (name: string, hostPort = 8080): NewSandbox => ({
  name,
  launch: {
    app: '/srv/app',
    directory: '/srv',
    flags: { forward: ['8080:3000', '[::1]:9000:90/udp'], isolation: 'auto' },
    environment: { WASMRUN_NAMESPACE_PREFIX: 'test', WASMRUN_ENV: 'ü=1\n\u{1F980}' },
    isWatched: true,
  },
  restart: 'on-failure',
  wanted: 'running',
  forwards: [{ protocol: 'tcp', addresses: ['127.0.0.1', '::1'], hostPort, processPort: 3000 }],
});
