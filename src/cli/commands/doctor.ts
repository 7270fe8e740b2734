/** `wasmrun doctor`: what works here, and what stands in the way. */
import type { Diagnosis, Facility } from '../../diagnosis.ts';
import { silentLog } from '../../log.ts';
import type { Check } from '../../machine-checks.ts';
import { loadAppSettings } from '../../app-settings.ts';
import { leftoverText } from '../leftover-text.ts';
import { newCommand, type Session } from '../session.ts';

const EXAMPLES = `
Examples:
  $ wasmrun doctor
  $ wasmrun doctor ./app     ask about the ports that it forwards
  $ wasmrun doctor --fix     remove what is left of killed sandboxes, too

Exit status: 0 where sandboxes can be started, 1 where something keeps all of
them from it.`;

/** Exit status where nothing can be run. */
const BROKEN = 1;

/** The command as commander sees it. */
export const doctorCommand = (session: Session) =>
  newCommand('doctor')
    .summary('say what works here, and what is in the way')
    .description('Says what wasmrun can use on this machine, why not what it cannot, and what would help')
    .argument('[app]', 'a .wasm file, or the directory of an app, for its forwards', '.')
    .option('--fix', 'remove what is left of killed sandboxes, as gc does')
    .option('--verbose', 'say more about what happens')
    .option('--json', 'print one JSON document')
    .addHelpText('after', EXAMPLES)
    .action((app, { fix = false }) => examine(session, app, fix));

const examine = async (session: Session, path: string, fix: boolean): Promise<void> => {
  const { output, json } = session;
  const { locateApp } = await import('../../runtime/resolve.ts');
  const { diagnose } = await import('../../diagnosis.ts');
  const { directory } = await locateApp(path);
  const { settings } = await loadAppSettings(directory);
  const diagnosis = await diagnose(settings, { fix, log: json ? silentLog : output.log });
  output.result(describe(diagnosis), diagnosis);
  if (diagnosis.problems.length > 0) session.status = BROKEN;
};

const describe = (diagnosis: Diagnosis): string => {
  const { checks, facilities, obstacles, leftovers, removed, problems } = diagnosis;
  const lines = [
    ...[...Map.groupBy(checks, ({ kind }) => kind)].flatMap(([kind, group]) => checkLines(kind, group)),
    ...facilities.map((facility) => facilityLine(facility, problems)),
    ...removedLines(removed),
    ...leftovers.map((leftover) =>
      row('leftover', `${leftoverText(leftover)}: wasmrun doctor --fix removes it`),
    ),
    ...(obstacles.length === 0 ? [] : ['', 'Other machines are kept from forwards with --bind:']),
    ...obstacles.map((sentence) => `- ${sentence}`),
    '',
    ...(problems.length === 0 ? ['Sandboxes can be started here.'] : ['Sandboxes cannot be started here:']),
    ...problems.map(({ text, hint }) => `- ${text}${remedy(hint)}`),
  ];
  return `${lines.join('\n')}\n`;
};

/** Of `--fix`: what it did, and what it did not. */
const removedLines = (removed: Diagnosis['removed']): string[] => {
  if (removed === undefined) return [];
  const lines =
    removed.length > 0 ? removed.map(leftoverText) : ['nothing: there was nothing left of killed sandboxes'];
  return [...lines.map((line) => row('removed', line)), row('', 'what stands in brackets is left to you')];
};

const row = (kind: string, text: string): string => kind.padEnd(11) + text;

/** What is as it should be on one line, all else on a line each. */
const checkLines = (kind: string, checks: readonly Check[]): string[] => {
  const [fine = [], wrong = []] = [true, false].map((isFine) =>
    checks.filter(({ state }) => (state === 'ok') === isFine),
  );
  return [
    ...(fine.length === 0 ? [] : [row(kind, fine.map(({ text }) => text).join(', '))]),
    ...wrong.map(({ text, hint }) => row(kind, `${text}${remedy(hint)}`)),
  ];
};

const facilityLine = (
  { kind, name, isChosen, reason, hint }: Facility,
  problems: Diagnosis['problems'],
): string => {
  const about = name.padEnd(16);
  if (reason === undefined) return row(kind, `${about}${isChosen ? 'works, auto takes it' : 'works'}`);
  // What keeps all from starting is told once, at the end.
  const isProblem = problems.some(({ text }) => text === reason);
  return row(kind, `${about}no: ${isProblem ? 'see below' : reason + remedy(hint)}`);
};

const remedy = (hint: string | undefined): string => (hint === undefined ? '' : ` (${hint})`);
