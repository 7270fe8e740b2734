/* Everything that recurses, in QuickJS's own code too: each has to end in an error that can be caught. */
const { inspect, isDeepStrictEqual } = require('node:util');

const nest = (depth, wrap, inner) => {
  let value = inner;
  for (let level = 0; level < depth; level += 1) value = wrap(value);
  return value;
};
const arrays = nest(1e5, (inner) => [inner], []);
const proxies = nest(1e5, (inner) => new Proxy(inner, {}), {});
const source = (before, middle, after = '') => before.repeat(1e5) + middle + after.repeat(1e5);

const CASES = {
  call: () => {
    const call = () => call() + 1;
    call();
  },
  manyArguments: () => {
    const call = (...values) => call(...values, 1);
    call(1);
  },
  apply: () => {
    const call = () => Reflect.apply(call, null, []);
    call();
  },
  construct: () => {
    class Self {
      constructor() {
        new Self();
      }
    }
    new Self();
  },
  getter: () => {
    const self = {
      get it() {
        return self.it;
      },
    };
    self.it;
  },
  setter: () => {
    const self = {
      set it(value) {
        self.it = value;
      },
    };
    self.it = 1;
  },
  proxyTrap: () => {
    const self = new Proxy({}, { get: () => self.it });
    self.it;
  },
  proxyGet: () => proxies.it,
  proxyKeys: () => Object.keys(proxies),
  proxyPrototype: () => Object.getPrototypeOf(proxies),
  proxyHas: () => 'it' in proxies,
  toPrimitive: () => {
    const self = { [Symbol.toPrimitive]: () => self + 1 };
    self + 1;
  },
  toString: () => {
    const self = { toString: () => `${self}` };
    `${self}`;
  },
  iterator: () => {
    const self = { [Symbol.iterator]: () => [...self] };
    [...self];
  },
  generator: () => {
    function* self() {
      yield* self();
    }
    for (const _ of self());
  },
  sort: () => {
    const compare = () => [2, 1].sort(compare);
    compare();
  },
  map: () => {
    const map = () => [1].map(map);
    map();
  },
  replace: () => {
    const replace = () => 'a'.replace(/a/, replace);
    replace();
  },
  arrayToString: () => String(arrays),
  flat: () => arrays.flat(Infinity),
  stringify: () => JSON.stringify(nest(2e4, (inner) => ({ inner }), {})),
  toJSON: () => {
    const self = { toJSON: () => JSON.stringify(self) };
    JSON.stringify(self);
  },
  parse: () => JSON.parse('['.repeat(1e6)),
  parseObject: () => JSON.parse('{"a":'.repeat(1e6)),
  inspect: () => inspect(arrays, { depth: Infinity }),
  isDeepStrictEqual: () =>
    isDeepStrictEqual(
      arrays,
      nest(1e5, (inner) => [inner], []),
    ),
  pattern: () => new RegExp(source('(?:', 'a', ')*')),
  patternSet: () => new RegExp(source('[', 'a', ']'), 'v'),
  parentheses: () => eval(source('(', '1', ')')),
  unary: () => eval(source('!', '1')),
  array: () => eval(source('[', '', ']')),
  arrow: () => eval(source('()=>', '1')),
  template: () => eval(source('`${', '1', '}`')),
  conditional: () => eval(source('1?', '1', ':1')),
  power: () => eval(source('1**', '1')),
  block: () => eval(source('{', '', '}')),
  awaits: () => new (async () => {}).constructor(source('await ', '1')),
  evaluate: () => {
    globalThis.evaluate = () => eval('evaluate()');
    evaluate();
  },
  require: () => {
    const load = () => {
      require('node:module')._load(__filename);
      load();
    };
    load();
  },
  emit: () => {
    const self = new (require('node:events'))();
    self.on('it', () => self.emit('it'));
    self.emit('it');
  },
  repeat: () => 'x'.repeat(2 ** 29).length > 0,
  double: () => {
    let text = 'x';
    for (;;) text += text;
  },
  arrayBuffer: () => new ArrayBuffer(2 ** 31 - 1),
  buffer: () => Buffer.alloc(2 ** 31 - 1),
  arrayLength: () => new Array(2 ** 32 - 1).fill(1),
  bigInt: () => {
    let number = 2n;
    for (;;) number *= number;
  },
  randomBytes: () => require('node:crypto').randomBytes(2 ** 31 - 1),
};

for (const [name, action] of Object.entries(CASES)) {
  let said = 'done';
  try {
    action();
  } catch (error) {
    said = error instanceof Error ? error.name : typeof error;
  }
  console.log(name, said, JSON.stringify({ sound: [1, 'a', null] }));
}
setTimeout(() => console.log('the end'), 1);
