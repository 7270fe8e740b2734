/** Prints a plan for people. */
import { bracket, formatPort } from '../network/forward.ts';
import { describeRefusals } from '../network/refusal.ts';
import type { PlannedCommand, PlannedStep } from '../sandbox/plan-steps.ts';
import type { Obstacle, PlannedForward, PlannedInterface, SandboxPlan } from '../sandbox/plan.ts';

/** A plan, and what the command line has to say about it. */
export interface PrintedPlan extends SandboxPlan {
  /** Command that makes the module first. */
  readonly build?: string | readonly string[];
  /** What is done, but deserves a second look. */
  readonly warnings: readonly string[];
}

export const printPlan = (plan: PrintedPlan): string => {
  const sections = [
    [`This is what would be done to run ${plan.name}. None of it has been done.`],
    facts(plan),
    ...plan.steps.map((step, index) => stepLines(step, index + 1)),
    ['The commands show by hand what wasmrun does by system calls; texts are loaded as they stand here.'],
    titled('At the time of the start:', plan.undecided),
    titled('Warnings:', plan.warnings),
    titled('As things are now, it would fail:', plan.obstacles.map(obstacleLine)),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
};

const titled = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => `  - ${line}`)];

const obstacleLine = ({ message, hint }: Obstacle): string =>
  hint === undefined ? message : `${message}\n    hint: ${hint}`;

/** Name and value, the values below each other. */
const facts = (plan: PrintedPlan): string[] => {
  const { engine } = plan;
  const rows: [string, readonly string[]][] = [
    ['build', plan.build === undefined ? [] : [shellText([plan.build].flat())]],
    ['isolation', [isolationLine(plan)]],
    ['interfaces', plan.interfaces.map(interfaceLine)],
    ['firewall', [plan.firewall ?? 'none']],
    ['transport', [plan.transport, ...describeRefusals(plan.refusals)]],
    ['forwards', plan.forwards.flatMap(forwardLines)],
    ['outbound', [[plan.outbound.mode, ...plan.outbound.allow].join(' ')]],
    ['peers', plan.peers.length === 0 ? [] : [plan.peers.join(' ')]],
    ['module', [engine.module]],
    ['driver', engine.driver === undefined ? [] : [engine.driver]],
    ['arguments', engine.args.length > 1 ? [shellText(engine.args.slice(1))] : []],
    ['user', [engine.user === undefined ? 'who calls' : `uid ${engine.user.uid}, gid ${engine.user.gid}`]],
    ['variables', engine.env.length === 0 ? [] : [engine.env.join(', ')]],
    [
      'directories',
      engine.directories.map(
        ({ hostPath, guestPath, readOnly }) => `${hostPath} as ${guestPath}${readOnly ? ', read-only' : ''}`,
      ),
    ],
    ['in memory', engine.tmpfs],
  ];
  return rows.flatMap(([name, values]) =>
    values.map((value, index) => `${(index === 0 ? name : '').padEnd(12)}${value}`),
  );
};

const isolationLine = ({ isolation, namespace, platform }: PrintedPlan): string => {
  if (namespace !== undefined) return `network namespace ${namespace}`;
  if (isolation === 'user-namespace')
    return 'user-namespace: a network namespace without a link, made without root';
  const why = platform === 'linux' ? '' : ', for this platform has no network namespaces';
  return `virtual: the app's ports exist inside the engine only${why}`;
};

const interfaceLine = ({ name, address, place }: PlannedInterface): string =>
  `${name} ${address} ${place === 'host' ? 'on the host' : 'inside'}`;

const forwardLines = ({ hostPort, processPort, protocol, addresses }: PlannedForward): string[] =>
  addresses.map(
    ({ address, transport }) =>
      `${bracket(address)}:${hostPort} → ${formatPort(processPort, protocol)}  ${transport}`,
  );

const stepLines = ({ what, commands }: PlannedStep, number: number): string[] => [
  `${String(number).padStart(2)}. ${what}`,
  ...commands.flatMap(commandLines),
];

const commandLines = ({ command, input }: PlannedCommand): string[] =>
  input === undefined
    ? [`      ${shellText(command)}`]
    : [`      ${shellText(command)} <<'END'`, ...input.trimEnd().split('\n'), 'END'];

/** As it would be typed. */
const shellText = (words: readonly string[]): string =>
  words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
    .join(' ');
