'use strict';
/** Uses a directory that is exchanged for a link to the outside, and back, all the time. */
const fs = require('node:fs');

const TURNS = 1000;
const seen = { secret: 0, inside: 0, refused: 0 };
const attempt = (action) => {
  try {
    const text = action();
    if (text === 'secret') seen.secret += 1;
    if (text === 'inside') seen.inside += 1;
  } catch {
    seen.refused += 1;
  }
};
const use = (index) => {
  attempt(() => fs.readFileSync('swapped/secret', 'utf8'));
  attempt(() => fs.readFileSync(`${__dirname}/swapped/./x/../secret`, 'utf8'));
  attempt(() => fs.readFileSync('to-swapped/secret', 'utf8'));
  attempt(() => (fs.copyFileSync('swapped/secret', 'copy'), fs.readFileSync('copy', 'utf8')));
  attempt(
    () => (
      fs.rmSync('hard', { force: true }),
      fs.linkSync('swapped/secret', 'hard'),
      fs.readFileSync('hard', 'utf8')
    ),
  );
  attempt(() => fs.writeFileSync('swapped/made', 'x'));
  attempt(() => fs.mkdirSync(`swapped/made-${index % 10}`));
  attempt(() => fs.renameSync('swapped/made', 'swapped/moved'));
  attempt(() => fs.chmodSync('swapped/secret', 0o600));
  attempt(() => fs.rmSync('swapped/precious', { recursive: true, force: true }));
  attempt(() => (fs.readdirSync('swapped').includes('only-outside') ? 'secret' : ''));
};
console.log('ready');
for (let index = 0; index < TURNS; index += 1) use(index);
console.log(JSON.stringify(seen));
