/** What a sandbox has not, by its name in Node's bindings: what it is to a program, and why. */

const ONE_PROCESS = 'a sandbox runs one program in one process';

const REASONS: Readonly<Record<string, string>> = {
  'process_wrap.Process': `child_process (and cluster) is not available in a sandbox of wasmrun: ${ONE_PROCESS}`,
  'spawn_sync.spawn': `child_process is not available in a sandbox of wasmrun: ${ONE_PROCESS}`,
  'worker.Worker':
    'worker_threads has no Worker in a sandbox of wasmrun: WebAssembly runs the program in one thread',
  'sqlite.DatabaseSync': 'node:sqlite is not available in a sandbox of wasmrun: it is native code',
  'sqlite.Session': 'node:sqlite is not available in a sandbox of wasmrun: it is native code',
  'heap_utils.createHeapSnapshotStream':
    'Heap snapshots are not available in a sandbox of wasmrun: its heap is not one of V8',
  'report.getReport': 'process.report is not available in a sandbox of wasmrun: it tells of the host',
};

/** Of every refusal. */
export const REFUSAL_CODE = 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM';

/** @param path - binding and name, with a dot between */
export const refusal = (path: string): Error =>
  Object.assign(new Error(REASONS[path] ?? `${path} is not available in a sandbox of wasmrun`), {
    code: REFUSAL_CODE,
  });
