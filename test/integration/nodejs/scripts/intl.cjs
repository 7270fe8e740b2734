/* oxlint-disable typescript/no-base-to-string, typescript/restrict-template-expressions */
'use strict';
/** `Intl`, what depends on a locale, time zones and encodings. */
const { inspect } = require('node:util');
const { transcode } = require('node:buffer');
const { tell, attempt } = require('./tell.cjs');

const date = new Date(Date.UTC(2024, 1, 29, 13, 4, 5, 678));
const later = new Date(Date.UTC(2024, 2, 3, 9, 0));
const show = (name, action) => attempt(name, () => inspect(action(), { depth: 5, breakLength: Infinity }));

const numbers = () => {
  for (const [locale, options] of [
    [],
    ['de'],
    ['en-IN', { style: 'currency', currency: 'INR' }],
    ['ja', { notation: 'compact' }],
    ['en', { style: 'unit', unit: 'kilometer-per-hour', unitDisplay: 'long' }],
    ['ar-EG', { minimumFractionDigits: 2 }],
    [['xx', 'fr'], { style: 'percent', maximumFractionDigits: 1, signDisplay: 'always' }],
    ['en', { useGrouping: false, roundingMode: 'floor', maximumSignificantDigits: 3 }],
  ]) {
    show(`number ${locale} ${JSON.stringify(options)}`, () => {
      const format = new Intl.NumberFormat(locale, options);
      return [format.format(-1_234_567.891), format.formatToParts(12.5), format.resolvedOptions()];
    });
    show(`toLocaleString ${locale}`, () => [
      (0.256).toLocaleString(locale, options),
      (10n ** 20n).toLocaleString(locale, options),
    ]);
  }
  show('exact', () => new Intl.NumberFormat('en').format('123456789012345678901234567890'));
  show('no number', () => [
    Intl.NumberFormat('en').format(),
    NaN.toLocaleString(),
    Infinity.toLocaleString('de'),
  ]);
  show('range', () => new Intl.NumberFormat('en', { style: 'currency', currency: 'USD' }).formatRange(3, 5));
  show('bound', () => [1, 20, 300].map(new Intl.NumberFormat('fr').format));
  for (const options of [
    { style: 'currency' },
    { style: 'nonsense' },
    { minimumFractionDigits: 200 },
    null,
  ]) {
    show(`refused ${JSON.stringify(options)}`, () => new Intl.NumberFormat('en', options));
  }
  show('bad locale', () => new Intl.NumberFormat('not_a_locale!'));
};

const dates = () => {
  for (const [locale, options] of [
    [],
    ['en-US', { dateStyle: 'full', timeStyle: 'long', timeZone: 'America/New_York' }],
    ['de-DE', { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }],
    ['ja-JP-u-ca-japanese', { dateStyle: 'long' }],
    [
      'en',
      { hour: 'numeric', minute: '2-digit', hour12: true, timeZone: 'Asia/Kolkata', timeZoneName: 'short' },
    ],
    ['en-GB', { hour: '2-digit', fractionalSecondDigits: 3, second: 'numeric', hourCycle: 'h23' }],
  ]) {
    show(`date ${locale} ${JSON.stringify(options)}`, () => {
      const format = new Intl.DateTimeFormat(locale, options);
      return [
        format.format(date),
        format.formatToParts(date),
        format.formatRange(date, later),
        format.resolvedOptions(),
      ];
    });
    show(`methods ${locale}`, () => [
      date.toLocaleString(locale, options && { timeZone: options.timeZone }),
      date.toLocaleDateString(locale),
      date.toLocaleTimeString(locale),
    ]);
  }
  show('invalid', () => [
    new Date(NaN).toLocaleString(),
    String(new Date(NaN)),
    new Date(NaN).toTimeString(),
  ]);
  show('format invalid', () => new Intl.DateTimeFormat().format(NaN));
  show('bad zone', () => new Intl.DateTimeFormat('en', { timeZone: 'Mars/Olympus' }));
  show('now', () => typeof Intl.DateTimeFormat().format());
  show('text', () => [
    String(date),
    date.toString(),
    date.toTimeString(),
    date.toDateString(),
    date.getHours(),
    date.getTimezoneOffset(),
  ]);
  show('summer', () => [
    String(new Date(2024, 6, 1)),
    new Date(2024, 6, 1).getTimezoneOffset(),
    new Date('2024-03-10T02:30').getTime(),
  ]);
  show('zone', () => Intl.DateTimeFormat().resolvedOptions().timeZone);
  show('parsed', () =>
    [
      'Feb 29 2024 10:00',
      '2024-02-29',
      '2024-02-29T10:00:00',
      'Thu, 29 Feb 2024 10:00:00 GMT',
      String(date),
    ].map((each) => new Date(each).getTime()),
  );
};

const words = () => {
  show('collator', () => ['z', 'ä', 'a', 'Z'].sort(new Intl.Collator('de').compare));
  show('swedish', () => ['z', 'ä', 'a'].sort((a, b) => a.localeCompare(b, 'sv')));
  show('numeric', () => ['a10', 'a2'].sort(new Intl.Collator(undefined, { numeric: true }).compare));
  show('compare', () => [
    'a'.localeCompare('b'),
    'a'.localeCompare('A', undefined, { sensitivity: 'base' }),
    'résumé'.localeCompare('resume'),
  ]);
  show('plural', () => [0, 1, 2, 3, 5, 21].map((each) => new Intl.PluralRules('ru').select(each)));
  show('ordinal', () =>
    [1, 2, 3, 4].map((each) => new Intl.PluralRules('en', { type: 'ordinal' }).select(each)),
  );
  show('relative', () => {
    const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
    return [format.format(-1, 'day'), format.format(2, 'weeks'), format.formatToParts(-3, 'month')];
  });
  show('list', () => {
    const format = new Intl.ListFormat('en', { type: 'disjunction' });
    return [format.format(['a', 'b', 'c']), format.formatToParts(new Set(['x', 'y']))];
  });
  show('no strings', () => new Intl.ListFormat('en').format([1]));
  show('names', () => [
    new Intl.DisplayNames('de', { type: 'region' }).of('US'),
    new Intl.DisplayNames(['en'], { type: 'language' }).of('fr-CA'),
    new Intl.DisplayNames('en', { type: 'currency' }).of('EUR'),
  ]);
  show('duration', () => new Intl.DurationFormat('en', { style: 'long' }).format({ hours: 1, minutes: 46 }));
  show('graphemes', () =>
    [...new Intl.Segmenter('en').segment('e\u0301👨‍👩‍👧x')].map(({ segment, index }) => [segment, index]),
  );
  show('words', () => [...new Intl.Segmenter('en', { granularity: 'word' }).segment('Hello, big world.')]);
  show('containing', () =>
    new Intl.Segmenter('en', { granularity: 'word' }).segment('one two').containing(5),
  );
  show('case', () => [
    'ıI'.toLocaleUpperCase('tr'),
    'I'.toLocaleLowerCase('tr'),
    'straße'.toLocaleUpperCase(),
    'İ'.toLocaleLowerCase(),
  ]);
  show('normal', () => [
    'e\u0301'.normalize().length,
    '\u00e9'.normalize('NFD').length,
    'ﬁ'.normalize('NFKC'),
  ]);
};

const locales = () => {
  show('locale', () => {
    const locale = new Intl.Locale('zh-Hant-TW', { calendar: 'roc', hourCycle: 'h12' });
    return [
      String(locale),
      locale.language,
      locale.script,
      locale.region,
      locale.calendar,
      locale.numeric,
      locale.getWeekInfo?.(),
      locale.minimize().toString(),
      new Intl.Locale('en').maximize().baseName,
    ];
  });
  show('with locale', () => new Intl.NumberFormat(new Intl.Locale('de')).format(1.5));
  show('canonical', () => Intl.getCanonicalLocales(['EN-us', 'iw']));
  show('supported', () => Intl.NumberFormat.supportedLocalesOf(['de', 'tlh', 'ja-JP']));
  show('values', () => [
    Intl.supportedValuesOf('calendar'),
    Intl.supportedValuesOf('currency').length,
    Intl.supportedValuesOf('timeZone').includes('Europe/Berlin'),
  ]);
  show('no values', () => Intl.supportedValuesOf('nonsense'));
  show('without new', () => Intl.PluralRules());
  show('tags', () =>
    Object.getOwnPropertyNames(Intl)
      .filter((name) => typeof Intl[name] === 'function')
      .sort()
      .map((name) => [name, Intl[name].length, Object.prototype.toString.call(Intl[name].prototype)]),
  );
  tell('intl', [
    Object.prototype.toString.call(Intl),
    typeof Intl.NumberFormat('de'),
    Intl.NumberFormat('de') instanceof Intl.NumberFormat,
  ]);
};

const encodings = () => {
  const bytes = Buffer.from([0x83, 0x65, 0x83, 0x58, 0x83, 0x67]);
  for (const name of [
    'shift_jis',
    'euc-kr',
    'gb18030',
    'big5',
    'windows-1252',
    'iso-8859-2',
    'koi8-r',
    'utf-16le',
    'utf-16be',
    'latin1',
  ]) {
    show(name, () => [new TextDecoder(name).encoding, new TextDecoder(name).decode(bytes)]);
  }
  show('unknown', () => new TextDecoder('nonsense'));
  show('fatal', () => new TextDecoder('shift_jis', { fatal: true }).decode(Buffer.from([0x83])));
  show('stream', () => {
    const decoder = new TextDecoder('utf-16le');
    return [
      decoder.decode(Buffer.from([0x61]), { stream: true }),
      decoder.decode(Buffer.from([0x00, 0x62]), { stream: true }),
      decoder.decode(Buffer.from([0x00])),
    ];
  });
  show('transcode', () => [
    transcode(Buffer.from('€é'), 'utf8', 'latin1'),
    transcode(Buffer.from('é'), 'utf8', 'utf16le'),
  ]);
  show('transcode badly', () => transcode(Buffer.from('é'), 'utf8', 'nonsense'));
  show('table', () => {
    const lines = [];
    const { Console } = require('node:console');
    const stream = new (require('node:stream').Writable)({
      write: (chunk, _, done) => (lines.push(String(chunk)), done()),
    });
    new Console(stream).table([{ a: '日本', b: '👍', c: 'é' }]);
    return lines;
  });
};

numbers();
dates();
words();
locales();
encodings();
