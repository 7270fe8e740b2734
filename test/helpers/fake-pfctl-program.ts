/**
 * A fake pfctl, the one fake among these tests: pf exists on macOS only, and they run on Linux. What it prints,
 * on which stream and with which status was recorded from the real one:
 *
 * - `-E` and `-X` (both lines of `-E` on standard error; the two failures of a stale token): macOS 26.5, in the
 *   tests of a public repository that name the machine and the log of each line;
 * - the warnings of `-f` and the missing ALTQ on standard error, in front of everything; a syntax error, and
 *   that a last line without its newline is one: github.com/mitmproxy/mitmproxy issues 3678 and 4748;
 * - `Rules must be in order`: github.com/meow-rs/meow-rs pull request 247;
 * - `/dev/pf: Permission denied` of an ordinary user, and the first line of `-s info`.
 *
 * It takes only the calls pfctl(8) documents and wasmrun may make, validates rules with a grammar of its own
 * (pf-conf.ts), and remembers every call. Where it is told to, it has nftables do what pf would do.
 *
 * Arguments: directory of its state, then those of pfctl.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FakePfState } from './fake-pfctl.ts';
import { type ParsedRedirection, parsePfConf } from './pf-conf.ts';

const [, , directory = '', ...args] = process.argv;
const path = join(directory, 'state.json');
const state = JSON.parse(readFileSync(path, 'utf8')) as FakePfState;

const NO_ALTQ = 'No ALTQ support in kernel\nALTQ related functions disabled\n';
const MAIN_RULES_WARNING =
  'pfctl: Use of -f option, could result in flushing of rules\n' +
  'present in the main ruleset added by the system at startup.\n' +
  'See /etc/pf.conf for further details.\n\n';

const end = (status: number, stderr: string, stdout = ''): never => {
  writeFileSync(path, JSON.stringify(state));
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exit(status);
};

const input = args.includes('-f') ? readFileSync(0, 'utf8') : '';
appendFileSync(join(directory, 'calls.jsonl'), `${JSON.stringify({ args, input })}\n`);
if (state.isDenied) end(1, 'pfctl: /dev/pf: Permission denied\n');

/** Every connection of this machine to a redirected port goes where pf would send it. */
const applyByNftables = (): void => {
  if (state.table === undefined) return;
  const rules = Object.values(state.anchors)
    .flat()
    .map(
      ({ protocol, address, port, targetAddress, targetPort }: ParsedRedirection) =>
        `ip daddr ${address} ${protocol} dport ${port} dnat to ${targetAddress}:${targetPort}`,
    );
  const table = `table ip ${state.table}`;
  const chain = `chain lo0 {\ntype nat hook output priority -100;\n${rules.join('\n')}\n}`;
  const made = rules.length === 0 ? '' : `${table} {\n${chain}\n}\n`;
  execFileSync('nft', ['-f', '-'], { input: `${table} {}\ndelete ${table}\n${made}` });
};

const load = (anchor: string): never => {
  const { redirections, errors } = parsePfConf(input);
  if (errors.length > 0) {
    const problem = 'pfctl: Syntax error in config file: pf rules not loaded\n';
    return end(1, `${MAIN_RULES_WARNING}${NO_ALTQ}${errors.join('\n')}\n${problem}`);
  }
  state.anchors[anchor] = [...redirections];
  applyByNftables();
  return end(0, MAIN_RULES_WARNING + NO_ALTQ);
};

const release = (token: string): never => {
  if (state.tokens.length === 0) return end(1, `${NO_ALTQ}pfctl: pf not enabled\n`);
  if (!state.tokens.includes(token)) return end(1, `${NO_ALTQ}pfctl: pf: token invalid\n`);
  state.tokens = state.tokens.filter((other) => other !== token);
  const left = state.tokens.length;
  const more = `disable request successful. ${left} more pf enable reference(s) remaining, pf still enabled.\n`;
  return end(0, NO_ALTQ + (left === 0 ? 'pf disabled\n' : more));
};

const [option, value = '', ...rest] = args;
const isAnchor = /^com\.apple\/[^/*]+$/.test(value);
if (args.join(' ') === '-s info') {
  const status = state.tokens.length === 0 ? 'Disabled' : 'Enabled for 0 days 00:00:00';
  end(0, NO_ALTQ, state.statusOutput ?? `Status: ${status}           Debug: Urgent\n\nState Table\n`);
} else if (args.join(' ') === '-E') {
  const token = `150530253381915${state.nextToken++}`;
  state.tokens.push(token);
  end(0, NO_ALTQ + (state.enableOutput ?? `pf enabled\nToken : ${token}\n`));
} else if (option === '-X' && rest.length === 0) release(value);
else if (option === '-a' && isAnchor && rest.join(' ') === '-f -') load(value);
else if (option === '-a' && isAnchor && rest.join(' ') === '-F nat') {
  delete state.anchors[value];
  applyByNftables();
  end(0, `${NO_ALTQ}nat cleared\n`);
} else end(64, `fake pfctl: nobody may call pfctl ${args.join(' ')}\n`);
