import { describe, expect, test } from 'vitest';
import { bindingWithCalls, newParser } from '../test/counted-http-parser-host.ts';
import { type HttpParser, type HttpParserBinding, nativeBinding } from '../test/observed-http-parser.ts';

const REQUEST = 1;

const ON_HEADERS_COMPLETE = 2;
const ON_MESSAGE_COMPLETE = 4;

const GET = Buffer.from('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
const POST = Buffer.from('POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc');

const native = await nativeBinding();

describe('a list of connections', () => {
  /** The same steps on a list of Node's and on one of ours. */
  const walk = ({
    HTTPParser,
    ConnectionsList,
  }: Pick<HttpParserBinding, 'HTTPParser' | 'ConnectionsList'>) => {
    const list = new ConnectionsList();
    const names = new Map<HttpParser, string>();
    const steps: string[] = [];
    const show = (step: string) => {
      const all = (['all', 'idle', 'active'] as const).map((kind) =>
        list[kind]()
          .map((parser) => names.get(parser))
          .toSorted((one, other) => one!.localeCompare(other!))
          .join(''),
      );
      steps.push(`${step}: ${all.join('|')}`);
    };
    const [first, second] = ['a', 'b'].map((name) => {
      const parser = newParser({ HTTPParser }, REQUEST, list);
      names.set(parser, name);
      return parser;
    }) as [HttpParser, HttpParser];
    show('new');
    first[ON_HEADERS_COMPLETE] = () => show('head');
    first[ON_MESSAGE_COMPLETE] = () => show('complete');
    first.execute(GET);
    show('after');
    second.execute(POST.subarray(0, -1));
    show('half');
    second.execute(Buffer.from('c'));
    show('whole');
    first.remove();
    show('removed');
    second.close();
    show('closed');
    return steps;
  };

  test('knows who is idle and who is not as in Node', () => {
    const steps = walk(bindingWithCalls().binding);
    expect(steps).toEqual(walk(native));
    expect(steps).toContain('head: ab|b|ab');
    expect(steps).toContain('after: ab|ab|b');
  });

  test('reports each message that takes too long once', () => {
    let late = 0;
    const { binding } = bindingWithCalls({ parserNow: () => performance.now() + late });
    const list = new binding.ConnectionsList();
    const silent = newParser(binding, REQUEST, list);
    const halfHead = newParser(binding, REQUEST, list);
    const halfBody = newParser(binding, REQUEST, list);
    const idle = newParser(binding, REQUEST, list);
    halfHead.execute(GET.subarray(0, 10));
    halfBody.execute(POST.subarray(0, -1));
    idle.execute(GET);
    expect(list.expired(1e6, 1e6)).toEqual([]);
    late = 2e6;
    expect(list.expired(0, 0)).toEqual([]);
    expect(list.expired(1e6, 0)).toEqual([silent, halfHead]);
    expect(list.expired(1e6, 3e6)).toEqual([]);
    // The smaller limit is always that of the head.
    expect(list.expired(3e6, 1e6)).toEqual([]);
    expect(list.expired(0, 1e6)).toEqual([halfBody]);
    expect(list.active()).toEqual([]);
    halfBody.execute(Buffer.from(`c${GET.toString().slice(0, 10)}`));
    expect(list.active()).toEqual([halfBody]);
  });
});
