'use strict';
/** What a sandbox has not: the code and the sentence of each. */
const attempt = (name, action) => {
  try {
    action();
    console.log(name, 'works');
  } catch ({ code, message }) {
    console.log(name, code, message);
  }
};

attempt('spawn', () => require('node:child_process').spawn('ls'));
attempt('execSync', () => require('node:child_process').execSync('ls'));
attempt('fork', () => require('node:cluster').fork());
attempt('worker', () => new (require('node:worker_threads').Worker)(__filename));
attempt('sqlite', () => new (require('node:sqlite').DatabaseSync)(':memory:'));
attempt('heap', () => require('node:v8').getHeapSnapshot());
attempt('inspector', () => require('node:inspector').url());
attempt('addon', () => process.dlopen({ exports: {} }, '/addon.node'));
attempt('report', () => process.report.getReport());
console.log('WebAssembly', typeof WebAssembly);
