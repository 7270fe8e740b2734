/** What runs first in the guest: brings the library up and gives the engine the functions it calls. */
import { fillEngineGaps } from './engine-gaps.ts';
import { bootLibrary } from './boot.ts';
import { host } from './host.ts';

fillEngineGaps();
const library = bootLibrary();
host.setEntries({
  run() {
    library.runMain('internal/main/run_main_module');
  },
});
