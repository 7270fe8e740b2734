/**
 * Looks into the memory of a Node process that runs with `--inspect=127.0.0.1:0`, by the Chrome DevTools
 * Protocol: https://chromedevtools.github.io/devtools-protocol/v8/
 */
import type { CliRun } from './cli.ts';

/** How many objects there are of each class, by its name. */
export type ObjectCounts = Readonly<Record<string, number>>;

/** Runs inside the process, on the list of all objects. */
const COUNT = `function () {
  const counts = {};
  for (const each of this) {
    let name = '';
    try { name = String(Object.getPrototypeOf(each).constructor.name); } catch {}
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}`;

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** To be disposed of before the process is to end: it waits for whoever looks. */
export class Inspector implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const { id = 0, result, error } = JSON.parse(String(data)) as Reply;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error.message));
    });
  }

  static async open(run: CliRun): Promise<Inspector> {
    const [, url = ''] = await run.printed(/^Debugger listening on (\S+)$/m);
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    return new Inspector(socket);
  }

  /** Bytes of objects on the JavaScript heap that something still refers to. */
  async usedHeap(): Promise<number> {
    await this.#call('HeapProfiler.collectGarbage');
    const { usedSize } = await this.#call<{ usedSize: number }>('Runtime.getHeapUsage');
    return usedSize;
  }

  async countObjects(): Promise<ObjectCounts> {
    const group = { objectGroup: 'count' };
    const { result: root } = await this.#call<RemoteObject>('Runtime.evaluate', {
      ...group,
      expression: 'Object.prototype',
    });
    const { objects } = await this.#call<{ objects: { objectId: string } }>('Runtime.queryObjects', {
      ...group,
      prototypeObjectId: root.objectId,
    });
    const { result } = await this.#call<RemoteObject>('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      returnByValue: true,
      functionDeclaration: COUNT,
    });
    await this.#call('Runtime.releaseObjectGroup', group);
    return result.value as ObjectCounts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.addEventListener('close', resolve));
    this.#socket.close();
    await closed;
  }

  #call<Result = unknown>(method: string, params: object = {}): Promise<Result> {
    const id = (this.#lastId += 1);
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return waiting.promise as Promise<Result>;
  }
}

interface RemoteObject {
  readonly result: { readonly objectId?: string; readonly value?: unknown };
}
