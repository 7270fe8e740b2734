// Runs Express's own tests, as `npm test` of Express does, and prints a JSON document a line: one for each
// test, one at the end. It is copied beside the tests and runs there, natively or in a guest.
'use strict';
const { readdirSync } = require('node:fs');
const path = require('node:path');

/** Of Express's own choice: it is installed where this file is copied to. */
const Mocha = require(path.join(__dirname, 'node_modules', 'mocha'));

/** Names of test files that are wanted, without their directory; all if there are none. */
const only = (process.env.EXPRESS_SUITE_ONLY || '').split(',').filter(Boolean);

const print = (document) => process.stdout.write(`${JSON.stringify(document)}\n`);

/** A reporter of mocha: what it says is for a program. */
function Reporter(runner) {
  runner.on('pass', (test) => print({ test: test.fullTitle(), verdict: 'pass' }));
  runner.on('pending', (test) => print({ test: test.fullTitle(), verdict: 'skip' }));
  runner.on('fail', (test, error) => {
    const [complaint] = String((error && error.message) || error).split('\n');
    print({ test: test.fullTitle(), verdict: 'fail', complaint });
  });
}

const mocha = new Mocha({ reporter: Reporter, checkLeaks: true, timeout: 10_000 });
mocha.addFile(path.join(__dirname, 'test/support/env.js'));
for (const directory of ['test', 'test/acceptance']) {
  for (const file of readdirSync(path.join(__dirname, directory)).sort()) {
    if (file.endsWith('.js') && (only.length === 0 || only.includes(file)))
      mocha.addFile(path.join(__dirname, directory, file));
  }
}
// Express leaves connections open: waiting for them would take as long as they live.
mocha.run(() => process.stdout.write('{"end":true}\n', () => process.exit(0)));
