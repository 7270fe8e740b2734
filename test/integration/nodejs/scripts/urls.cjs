// URLPattern, and names of hosts as `url.parse` has them.
const url = require('node:url');
const { inspect } = require('node:util');

const tell = (action) => {
  try {
    console.log(inspect(action(), { depth: 4, showHidden: false }));
  } catch (error) {
    console.log(error.name, error.code, error.message);
  }
};

for (const input of [
  ['/a/:b', 'http://x'],
  [{ pathname: '/a/:b(\\d+)', search: '*' }],
  [{ pathname: '/A' }, { ignoreCase: true }],
  ['/A', 'https://é.example', { ignoreCase: 1 }],
  ['https://{:sub.}?example.com/*'],
  [],
  [null, null],
  [undefined],
  [{ pathname: 1, hash: Symbol('x') }],
  ['('],
  ['/a'],
  [1],
  [{}, 1],
  [{}, 'http://a'],
  [{}, {}, {}],
  ['/a', null, {}],
]) {
  tell(() => {
    const pattern = new URLPattern(...input);
    const { protocol, username, password, hostname, port, pathname, search, hash, hasRegExpGroups } = pattern;
    return [protocol, username, password, hostname, port, pathname, search, hash, hasRegExpGroups].join(' ');
  });
}

const pattern = new URLPattern({ pathname: '/:a?/x{/:b}?', protocol: 'http{s}?' });
for (const input of [
  ['http://h/y/x?q=1#f'],
  ['https://h/y/x/z'],
  ['/y/x', 'http://user:word@h:81'],
  [{ pathname: '/y/x', protocol: 'http' }],
  ['ftp://h/y/x'],
  ['/y/x'],
  [],
  [1],
  [null],
  [{}, null],
  [{}, {}],
  ['http://h/\ud800/x'],
]) {
  tell(() => pattern.test(...input));
  tell(() => pattern.exec(...input));
}
tell(() => pattern);
tell(() => Object.getPrototypeOf(pattern.exec('http://h/y/x')));
tell(() => `${pattern} ${URLPattern.length} ${URLPattern === url.URLPattern}`);
tell(() => Object.getOwnPropertyNames(URLPattern.prototype).sort().join());
tell(() => URLPattern.prototype.test.call({}, 'http://h'));
tell(() => Object.getOwnPropertyDescriptor(URLPattern.prototype, 'hash').get.call({}));
tell(
  () =>
    new URLPattern({
      get protocol() {
        throw new Error('boom');
      },
    }),
);
tell(() => new (class extends URLPattern {})({ hash: 'a' }).hash);
// More of them than the engine keeps.
const many = Array.from({ length: 300 }, (_, index) => new URLPattern({ pathname: `/${index}/:rest` }));
tell(() => many.filter((each, index) => each.test(`http://h/${index}/r`)).length);

for (const name of ['0.0,1.1', '1.2.3', '0x1', 'EXÄMPLE', '例子', 'a b', 'xn--iñvalid', '*', '']) {
  tell(() => [url.domainToASCII(name), url.domainToUnicode(name)]);
  tell(() => url.parse(`x://${name}/`).href);
}
