/** `wasmrun status`: how one sandbox is. */
import { WasmrunError } from '../../errors.ts';
import { formatMapping } from '../../network/forward.ts';
import type { SandboxInfo } from '../../sandbox/control/sandbox-info.ts';
import type { SandboxEntry } from '../../sandboxes.ts';
import { answer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { newCommand, type Session } from '../session.ts';

export const statusCommand = (session: Session) =>
  newCommand('status')
    .summary('say how a sandbox is')
    .description('Says how a sandbox is: since when it runs, where, what leads into it')
    .argument('<sandbox>', 'name or id of a sandbox')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun status web
  $ wasmrun status web --json`,
    )
    .action(async (sandbox) => {
      await answer(session, 'status', () => status(session, sandbox));
    });

const status = async (session: Session, nameOrId: string): Promise<Answer> => {
  const { findSandboxes } = await import('../find-sandboxes.ts');
  const sandboxes = await findSandboxes(session);
  const entry = await sandboxes.find(nameOrId);
  if (entry.record === undefined) return describeStopped(entry);
  try {
    const { control } = await sandboxes.control(entry.name);
    return await describeRunning(await control.info(), entry);
  } catch (error) {
    const isEnding = error instanceof WasmrunError && error.code === 'SANDBOX_NOT_RUNNING';
    if (!isEnding || !(await sandboxes.isGone(entry.record))) throw error;
    return describeStopped(await sandboxes.find(entry.name));
  }
};

const describeStopped = ({ name, id, stored }: SandboxEntry): Answer => {
  const { launch, restart = 'no', forwards = [], ended } = stored ?? {};
  const state = ended ? 'exited' : 'stopped';
  return {
    text: lines([
      ['Name', name],
      ['Id', id],
      ['State', ended ? `exited with status ${ended.status}` : 'stopped'],
      ['App', launch?.app ?? '-'],
      ['Restart', restart],
      ...forwards.map((each): Line => ['Forward', formatMapping(each)]),
    ]),
    data: { name, id, state, app: launch?.app ?? null, restart, forwards },
  };
};

const describeRunning = async (info: SandboxInfo, { stored }: SandboxEntry): Promise<Answer> => {
  const { formatBytes, formatDuration } = await import('../quantities.ts');
  const { network, forwards } = info;
  const uptime = Date.now() - info.startedAt;
  const forwardLines = forwards.map((each): Line => {
    const { transport = 'waiting', connections, traffic } = each;
    const counts = [
      ...(connections === undefined ? [] : [`${connections} connected`]),
      ...(traffic === undefined
        ? []
        : [
            `${traffic.accepted} in all`,
            `${formatBytes(traffic.received)} in, ${formatBytes(traffic.sent)} out`,
          ]),
    ];
    return ['Forward', [formatMapping(each), transport, ...counts].join(', ')];
  });
  return {
    text: lines([
      ['Name', info.name],
      ['Id', info.id],
      ['State', info.state],
      ['Pid', info.enginePid === undefined ? `${info.pid}` : `${info.pid} (engine ${info.enginePid})`],
      ['Language', info.language],
      ['App', info.app],
      [
        'Address',
        network === undefined ? `- (${info.isolation})` : `${network.address} (${network.namespace})`,
      ],
      ['Uptime', formatDuration(uptime)],
      ['Version', `${info.generation}`],
      ['Restarts', `${info.restarts}`],
      ['Restart', stored?.restart ?? 'no'],
      ['Memory', info.memory === undefined ? '-' : formatBytes(info.memory)],
      ...forwardLines,
    ]),
    data: { ...info, uptimeMs: uptime, restart: stored?.restart ?? 'no' },
  };
};

type Line = readonly [label: string, value: string];

const lines = (all: readonly Line[]): string =>
  all.map(([label, value]) => `${`${label}:`.padEnd(10)} ${value}\n`).join('');
