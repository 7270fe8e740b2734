/** What the manual says that `--help` does not. */

/** What wasmrun reads and writes. */
export const FILES = [
  {
    path: '.wasmrun.toml',
    text: 'Settings, looked for in the directory of the app and above it, up to the root of the git repository.',
  },
  {
    path: '/run/wasmrun',
    text:
      "Records of running sandboxes: root's. Those of a user lie in $XDG_RUNTIME_DIR/wasmrun, or else in " +
      '/tmp/wasmrun-UID.',
  },
  {
    path: '/var/lib/wasmrun',
    text:
      "Definitions and logs of detached sandboxes: root's. Those of a user lie in $XDG_STATE_HOME/wasmrun, or " +
      'else in ~/.local/state/wasmrun.',
  },
  { path: '/etc/systemd/system/wasmrun.service', text: 'What wasmrun service install writes.' },
  { path: '/run/netns/wasmrun-NAME', text: 'The network namespace of a sandbox, as ip netns lists it.' },
  {
    path: '~/.cache/wasmrun',
    text: 'What makes later starts faster ($XDG_CACHE_HOME); it may be removed at any time.',
  },
] as const;

/** Of `wasmrun os`; others know 0, 1 (or these) and 2. */
export const EXIT_STATUSES = [
  { status: '0', text: 'All went well; or the app ended so.' },
  {
    status: '1',
    text: 'A command about sandboxes failed. Of os: the app ended so, as with every other number.',
  },
  { status: '2', text: 'Wrong usage or configuration.' },
  { status: '125', text: 'wasmrun failed: a busy port, no namespaces, a build that failed.' },
  { status: '126', text: 'The app was found but cannot be run.' },
  { status: '127', text: 'The app was not found.' },
  { status: '134', text: 'The app trapped.' },
  { status: '128+n', text: 'Signal n ended the app.' },
] as const;
