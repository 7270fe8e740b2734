#!/usr/bin/env -S node --
'use strict';
// Old syntax on purpose: this file must run on any Node, to say what is needed or to hand over to it.
// The `--` above ends Node's own options: Node looks for its --env-file among all arguments before it, and
// would take NODE_OPTIONS from the guest's.

var fs = require('fs');
var path = require('path');

/** `await using` without a build needs Node 24. */
var OLDEST = 24;

/** Path of the Node that comes with this package, or undefined where npm has none for this machine. */
function pinnedNode() {
  try {
    return path.join(
      path.dirname(require.resolve('node-' + process.platform + '-' + process.arch + '/package.json')),
      'bin',
      'node',
    );
  } catch {
    return undefined;
  }
}

/**
 * Replaces this process by one of the pinned Node: same pid, same terminal, so signals and exit status
 * stay what they are. Returns only if that failed.
 */
function becomePinnedNode() {
  var node = pinnedNode();
  if (node === undefined) return;
  var F_SETFD = 2; // fcntl(2)
  try {
    var koffi = require('koffi');
    var libc = koffi.load('libc.so.6');
    var fcntl = libc.func('int fcntl(int fd, int command, int flags)');
    // Node marks its standard streams close-on-exec once it has touched them.
    [0, 1, 2].forEach(function (fd) {
      fcntl(fd, F_SETFD, 0);
    });
    libc.func('int execv(const char *path, const char **argv)')(
      node,
      [node].concat(process.execArgv, '--', __filename, process.argv.slice(2), null),
    );
  } catch {
    // No koffi or no glibc here: the message below says what is needed.
  }
}

/** Keeps compiled code between runs: it halves the time until the first line of ours runs. */
function enableCompileCache() {
  // Under sudo HOME may be another user's, and code that user can replace must not run as root.
  var home = process.env.SUDO_UID === undefined ? process.env.HOME : require('os').userInfo().homedir;
  var cache =
    (process.env.SUDO_UID === undefined && process.env.XDG_CACHE_HOME) || (home && path.join(home, '.cache'));
  try {
    if (cache) require('module').enableCompileCache(path.join(cache, 'wasmrun', 'compile'));
  } catch {
    // A cache that cannot be written costs time only.
  }
}

function main() {
  if (parseInt(process.versions.node, 10) < OLDEST) {
    becomePinnedNode();
    console.error('error: wasmrun needs Node ' + OLDEST + ' or newer; this is ' + process.version);
    console.error(
      'hint: install a newer Node, or reinstall wasmrun with its optional dependencies (they bring one)',
    );
    process.exitCode = 125;
    return;
  }
  enableCompileCache();
  var built = path.join(__dirname, '..', 'dist', 'cli', 'main.cjs');
  if (fs.existsSync(built)) {
    require(built);
    return;
  }
  // A checkout without a build runs from source: this Node strips the types.
  var source = path.join(__dirname, '..', 'src', 'cli', 'main.ts');
  import(require('url').pathToFileURL(source).href).catch(function (error) {
    console.error(error);
    process.exitCode = 125;
  });
}

main();
