/**
 * Node's own flags, as a start script gives them to `node`. Most of what they do is done by Node's JavaScript
 * library, which asks its table of options; flags of that kind are honoured by what stands in the table. A test
 * compares names and kinds with the table of the pinned Node.
 */
import { WasmrunError } from '../../src/errors.ts';

/** `list`: may be repeated. */
type FlagKind = 'boolean' | 'number' | 'text' | 'list';
export type FlagValue = boolean | number | string | readonly string[];

/** A file of `NAME=value` lines, from `--env-file` or `--env-file-if-exists`. */
export interface EnvFile {
  /** As it was given: relative to the directory the app starts in. */
  readonly path: string;
  /** Is it all right that it is not there? */
  readonly optional: boolean;
}

export interface NodeFlags {
  /** The honoured flags as they were written: `process.execArgv`. */
  readonly execArgv: readonly string[];
  /** Values for the library's table of options, by long name. */
  readonly options: Readonly<Record<string, FlagValue>>;
  /** In order; a later file beats an earlier one. */
  readonly envFiles: readonly EnvFile[];
  /** What was left out, and why. */
  readonly notices: readonly string[];
}

/** Flags that the library acts upon. */
export const HONOURED: Readonly<Record<string, FlagKind>> = {
  '--conditions': 'list',
  '--deprecation': 'boolean',
  '--disable-warning': 'list',
  '--dns-result-order': 'text',
  '--enable-source-maps': 'boolean',
  '--env-file': 'list',
  '--env-file-if-exists': 'list',
  '--experimental-eventsource': 'boolean',
  '--import': 'list',
  '--insecure-http-parser': 'boolean',
  '--max-http-header-size': 'number',
  '--network-family-autoselection': 'boolean',
  '--network-family-autoselection-attempt-timeout': 'number',
  '--pending-deprecation': 'boolean',
  '--preserve-symlinks': 'boolean',
  '--preserve-symlinks-main': 'boolean',
  '--require': 'list',
  '--require-module': 'boolean',
  '--stack-trace-limit': 'number',
  '--strip-types': 'boolean',
  '--throw-deprecation': 'boolean',
  '--title': 'text',
  '--tls-cipher-list': 'text',
  '--tls-keylog': 'text',
  '--tls-max-v1.2': 'boolean',
  '--tls-max-v1.3': 'boolean',
  '--tls-min-v1.0': 'boolean',
  '--tls-min-v1.1': 'boolean',
  '--tls-min-v1.2': 'boolean',
  '--tls-min-v1.3': 'boolean',
  '--trace-deprecation': 'boolean',
  '--trace-uncaught': 'boolean',
  '--trace-warnings': 'boolean',
  '--unhandled-rejections': 'text',
  '--warnings': 'boolean',
};

export const ALIASES: Readonly<Record<string, string>> = {
  '-C': '--conditions',
  '-r': '--require',
  '--enable-network-family-autoselection': '--network-family-autoselection',
  '--experimental-require-module': '--require-module',
  '--experimental-strip-types': '--strip-types',
  '--loader': '--experimental-loader',
};

/** Flags that Node itself still takes and no longer heeds. */
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  '--experimental-abortcontroller',
  '--experimental-fetch',
  '--experimental-global-customevent',
  '--experimental-global-webcrypto',
  '--experimental-json-modules',
  '--experimental-modules',
  '--experimental-specifier-resolution',
  '--experimental-top-level-await',
  '--experimental-wasm-modules',
]);

const V8 = 'the app does not run in V8';
const INSPECTOR = 'there is no inspector';
const WATCH = 'wasmrun os … --watch does it';

/** Flags an app works without, and why they are not heeded. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  '--experimental-transform-types': 'TypeScript is run as it is',
  '--expose-gc': V8,
  '--inspect': INSPECTOR,
  '--inspect-brk': INSPECTOR,
  '--inspect-port': INSPECTOR,
  '--max-heap-size': V8,
  '--max-old-space-size': V8,
  '--max-semi-space-size': V8,
  '--optimize-for-size': V8,
  '--stack-size': V8,
  '--watch': WATCH,
  '--watch-path': WATCH,
  '--watch-preserve-output': WATCH,
};

/** Those whose value may be a word of its own. */
const LEFT_OUT_WITH_VALUE: ReadonlySet<string> = new Set(['--inspect-port', '--watch-path']);

/** Flags that would change what runs, or what keeps it in bounds. */
const REFUSED: Readonly<Record<string, string>> = {
  '--check': 'it runs nothing',
  '--eval': 'it runs code that stands in no file',
  '-e': 'it runs code that stands in no file',
  '-p': 'it runs code that stands in no file',
  '--print': 'it runs code that stands in no file',
  '--experimental-loader': 'module hooks need a thread of their own',
  '--interactive': 'there is no prompt',
  '-i': 'there is no prompt',
  '--permission': "the sandbox has rules of its own, and Node's are not enforced in it",
  '--run': 'it runs a script and not a file',
  '--test': 'it starts processes, and there are none in the sandbox',
};

/** Preloads that teach Node TypeScript, which it knows here. They would start threads or processes. */
const TYPESCRIPT_PRELOAD =
  /^(tsx(\/(cjs|esm)(\/api)?)?|ts-node(\/register(\/.*)?|\/esm(\/.*)?)?|@swc-node\/register(\/.*)?|esbuild-register(\/.*)?)$/;
const PRELOADS: ReadonlySet<string> = new Set(['--require', '--import', '--experimental-loader']);

const refused = (flag: string, reason: string) =>
  new WasmrunError('APP_NOT_RUNNABLE', `the start script gives node the flag ${flag}: ${reason}`, {
    hint: 'leave it out of the start script, or give wasmrun os the path of the file to run',
  });

/**
 * Takes the flags in front of the file to run.
 * @param words - what stands behind `node`
 * @returns the flags, and the words from the file on
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` for a flag that is neither honoured nor safe to leave out
 */
export const takeNodeFlags = (words: readonly string[]): { flags: NodeFlags; rest: readonly string[] } => {
  const taken = new TakenFlags();
  let at = 0;
  while (at < words.length) {
    const word = words[at] ?? '';
    if (word === '--') return { flags: taken, rest: words.slice(at + 1) };
    // A single hyphen is standard input.
    if (!word.startsWith('-') || word === '-') break;
    at += taken.take(word, words[at + 1]);
  }
  return { flags: taken, rest: words.slice(at) };
};

/** The flags among those of `NODE_OPTIONS` that are honoured; a user's shell may set others for other programs. */
export const honouredFlags = (variable: string): NodeFlags => {
  const words = variable.split(/\s+/).filter(Boolean);
  const taken = new TakenFlags();
  for (let at = 0; at < words.length;) {
    try {
      at += taken.take(words[at]!, words[at + 1]);
    } catch (error) {
      if (!(error instanceof WasmrunError)) throw error;
      at += 1;
    }
  }
  return taken;
};

/** Flags of `NODE_OPTIONS` and of the command line, which are `process.execArgv` alone. */
export const joinFlags = (variable: NodeFlags, line: NodeFlags): NodeFlags => ({
  execArgv: line.execArgv,
  options: {
    ...variable.options,
    ...Object.fromEntries(
      Object.entries(line.options).map(([name, value]) => {
        const earlier = variable.options[name];
        return [name, isList(value) && isList(earlier) ? [...earlier, ...value] : value];
      }),
    ),
  },
  envFiles: [...variable.envFiles, ...line.envFiles],
  notices: [...variable.notices, ...line.notices],
});

const isList = (value: FlagValue | undefined): value is readonly string[] => Array.isArray(value);

class TakenFlags implements NodeFlags {
  readonly execArgv: string[] = [];
  readonly options: Record<string, FlagValue> = {};
  readonly envFiles: EnvFile[] = [];
  readonly notices: string[] = [];

  /** Takes a flag, with the word after it where that is its value; returns how many words those were. */
  take(word: string, next: string | undefined): 1 | 2 {
    const { written, name, isOn, value: attached } = splitFlag(word);
    if (WITHOUT_EFFECT.has(name)) return 1;
    const leftOut = LEFT_OUT[name];
    if (leftOut !== undefined) {
      this.#leaveOut(written, leftOut);
      return attached === undefined && LEFT_OUT_WITH_VALUE.has(name) ? 2 : 1;
    }
    const value = attached ?? next;
    if (PRELOADS.has(name) && value !== undefined && TYPESCRIPT_PRELOAD.test(value)) {
      this.#leaveOut(`${written} ${value}`, 'TypeScript is run as it is');
      return attached === undefined ? 2 : 1;
    }
    const kind = HONOURED[name];
    if (kind === undefined) throw refused(written, REFUSED[name] ?? 'wasmrun does not know it');
    if (kind === 'boolean') {
      if (attached !== undefined) throw refused(written, 'it takes no value');
      this.options[name] = isOn;
      this.execArgv.push(word);
      return 1;
    }
    if (!isOn) throw refused(written, 'wasmrun does not know it');
    if (value === undefined || value === '') throw refused(written, 'it needs a value');
    this.#set(name, kind, value);
    this.execArgv.push(...(attached === undefined ? [word, value] : [word]));
    return attached === undefined ? 2 : 1;
  }

  #set(name: string, kind: Exclude<FlagKind, 'boolean'>, value: string): void {
    if (name === '--env-file' || name === '--env-file-if-exists') {
      this.envFiles.push({ path: value, optional: name === '--env-file-if-exists' });
    }
    if (kind === 'list') {
      const earlier = this.options[name];
      this.options[name] = [...(isList(earlier) ? earlier : []), value];
    } else if (kind === 'number') {
      if (!/^\d+$/.test(value)) throw refused(`${name}=${value}`, 'its value must be a number');
      this.options[name] = Number(value);
    } else {
      this.options[name] = value;
    }
  }

  #leaveOut(flag: string, reason: string): void {
    this.notices.push(`${flag} of the start script is left out: ${reason}`);
  }
}

/** Node takes `_` for `-`, and `--no-` in front of what can be turned off. */
const splitFlag = (word: string) => {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  const written = equals < 0 ? word : word.slice(0, equals);
  const value = equals < 0 ? undefined : word.slice(equals + 1);
  const isLong = written.startsWith('--');
  const spelled = isLong ? written.replaceAll('_', '-') : written;
  const isOn = !spelled.startsWith('--no-');
  const positive = isOn ? spelled : `--${spelled.slice('--no-'.length)}`;
  return { written, name: ALIASES[positive] ?? positive, isOn, value };
};
