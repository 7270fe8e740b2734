/** `wasmrun ps`: lists sandboxes. */
import { formatMapping, formatPort } from '../../network/forward.ts';
import type { RequestedForward } from '../../sandbox/definition.ts';
import { addressOf, forwardsOf, stateOf } from '../../entry-state.ts';
import type { SandboxEntry } from '../../sandboxes.ts';
import { answer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { newCommand, type Session } from '../session.ts';

export const psCommand = (session: Session) =>
  newCommand('ps')
    .summary('list sandboxes')
    .description('Lists the sandboxes that run')
    .option('-a, --all', 'stopped ones, too')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun ps
  $ wasmrun ps --all --json`,
    )
    .action(async ({ all = false }) => {
      await answer(session, 'ps', () => list(session, all));
    });

const list = async (session: Session, all: boolean): Promise<Answer> => {
  const { findSandboxes } = await import('../find-sandboxes.ts');
  const entries = (await (await findSandboxes(session)).list()).filter(
    ({ record }) => all || record !== undefined,
  );
  const { formatTable } = await import('../table.ts');
  const { formatDuration } = await import('../quantities.ts');
  const rows = entries.map((entry) => {
    const { name, record, stored } = entry;
    return [
      name,
      statusOf(entry, formatDuration),
      record?.language ?? '-',
      forwardsOf(entry).map(mappingOf).join(', ') || '-',
      record?.app ?? stored?.launch.app ?? '-',
    ];
  });
  return {
    text: formatTable(['Name', 'Status', 'Language', 'Forwards', 'App'], rows),
    data: { sandboxes: entries.map(documentOf) },
  };
};

const statusOf = (entry: SandboxEntry, formatDuration: (ms: number) => string): string => {
  const { record, stored } = entry;
  if (record !== undefined) return `up ${formatDuration(Date.now() - record.startedAt)}`;
  if (!stored?.ended) return stateOf(entry);
  return `exited (${stored.ended.status}) ${formatDuration(Date.now() - stored.ended.at)} ago`;
};

const documentOf = (entry: SandboxEntry): object => {
  const { name, id, record, stored } = entry;
  return {
    name,
    id,
    state: stateOf(entry),
    exit_status: stored?.ended?.status ?? null,
    pid: record?.pid ?? null,
    language: record?.language ?? null,
    app: record?.app ?? stored?.launch.app ?? null,
    address: addressOf(entry) ?? null,
    started_at: record === undefined ? null : new Date(record.startedAt).toISOString(),
    detached: stored !== undefined,
    restart: stored?.restart ?? null,
    forwards: forwardsOf(entry).map((forward) => ({
      host_port: forward.hostPort,
      process_port: forward.processPort,
      mapping: mappingOf(forward),
    })),
  };
};

/** A port that any free one was asked for and that has never been held has no number yet. */
const mappingOf = ({ hostPort, processPort, protocol }: RequestedForward): string =>
  hostPort === 0 ? formatPort(processPort, protocol) : formatMapping({ hostPort, processPort, protocol });
