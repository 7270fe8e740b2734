/** The example as its README promises it. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyExample, NODE_RUNNERS, type RunningApp } from '../../test/helpers/example-app.ts';

/** Somebody in the room. */
class Person implements Disposable {
  readonly socket: WebSocket;
  readonly #messages: unknown[] = [];
  readonly #waiting: ((message: unknown) => void)[] = [];

  constructor(url: string, name: string) {
    this.socket = new WebSocket(`${url.replace(/^http/, 'ws')}/chat?name=${encodeURIComponent(name)}`);
    this.socket.addEventListener('message', ({ data }) => {
      const message: unknown = JSON.parse(String(data));
      const reader = this.#waiting.shift();
      if (reader === undefined) this.#messages.push(message);
      else reader(message);
    });
  }

  /** The next message, in the order they came. */
  async next(): Promise<unknown> {
    return this.#messages.shift() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
  }

  /** The code that the connection ended with. */
  async closed(): Promise<number> {
    const [event] = (await once(this.socket, 'close')) as [CloseEvent];
    return event.code;
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}

describe.each(NODE_RUNNERS)('websocket-chat, run by $name', (runner) => {
  const resources = new AsyncDisposableStack();
  let directory: string;

  beforeAll(async () => {
    directory = resources.use(await copyExample('websocket-chat')).path;
  });
  afterAll(() => resources.disposeAsync());

  test('has a page to chat in', async () => {
    await using app = await runner.start(directory);
    const page = await fetch(app.url);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await page.text()).toContain('new WebSocket(');
    expect((await fetch(`${app.url}/nowhere`)).status).toBe(404);
    expect(await (await fetch(`${app.url}/health`)).json()).toEqual({ people: 0 });
    // No way in but the one.
    const lost = new WebSocket(`${app.url.replace(/^http/, 'ws')}/elsewhere`);
    await once(lost, 'error');
  });

  test('tells everybody what one writes, and newcomers what was written', async () => {
    await using app: RunningApp = await runner.start(directory);
    using ann = new Person(app.url, 'Ann');
    expect(await ann.next()).toEqual({ text: 'Ann is here' });
    using bob = new Person(app.url, 'Bob');
    expect(await bob.next()).toEqual({ text: 'Ann is here' });
    for (const person of [ann, bob]) expect(await person.next()).toEqual({ text: 'Bob is here' });
    expect(await (await fetch(`${app.url}/health`)).json()).toEqual({ people: 2 });

    const long = 'ü'.repeat(5000);
    ann.socket.send('Hello, Bob!');
    bob.socket.send(long);
    const both = [
      { from: 'Ann', text: 'Hello, Bob!' },
      { from: 'Bob', text: long },
    ];
    for (const person of [ann, bob]) {
      const heard = [await person.next(), await person.next()];
      expect(heard).toHaveLength(2);
      expect(heard).toEqual(expect.arrayContaining(both));
    }

    bob.socket.close();
    expect(await ann.next()).toEqual({ text: 'Bob has left' });
    using cat = new Person(app.url, 'Cat');
    const story = [await cat.next(), await cat.next(), await cat.next(), await cat.next(), await cat.next()];
    expect(story).toEqual(expect.arrayContaining([...both, { text: 'Bob has left' }]));
  });

  test('ends a connection whose message is too long, and no other', async () => {
    await using app = await runner.start(directory);
    using ann = new Person(app.url, 'Ann');
    expect(await ann.next()).toEqual({ text: 'Ann is here' });
    using loud = new Person(app.url, 'Loud');
    await once(loud.socket, 'open');
    expect(await ann.next()).toEqual({ text: 'Loud is here' });
    const end = loud.closed();
    loud.socket.send('!'.repeat(20_000));
    // RFC 6455, 7.4.1: a message too big to process; or 1006, cut off before the frame was written.
    expect([1009, 1006]).toContain(await end);
    expect(await ann.next()).toEqual({ text: 'Loud has left' });
  });

  test('says goodbye when it is told to stop', async () => {
    await using app = await runner.start(directory);
    using ann = new Person(app.url, 'Ann');
    await ann.next();
    const end = ann.closed();
    app.run.process.kill('SIGTERM');
    expect(await end).toBe(1001);
    const { stdout, stderr } = await app.run.ended;
    expect(stdout).toMatch(/^chat: listening on port \d+\nchat: closing\nchat: closed\n$/);
    expect(stderr).toMatch(runner.stderr);
  });
});
