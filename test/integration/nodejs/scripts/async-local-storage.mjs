/** AsyncLocalStorage in a module that awaits at its top. */
import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks';
import { setTimeout } from 'node:timers/promises';
import tell from './tell.cjs';

const storage = new AsyncLocalStorage();
const note = (place) => tell.tell(place, storage.getStore());

note('begin');
await null;
storage.enterWith('entered');
note('entered');
await setTimeout(1);
note('after a timeout');
await storage.run('run', async () => {
  await import('./async-local-storage-part.mjs');
  note('after an import');
});
note('at the top');
tell.tell('id', typeof executionAsyncId());
