/** `wasmrun doctor`: what works here, and what stands in the way. */
import type { Diagnosis, Facility } from '../../diagnosis.ts';
import { loadAppSettings } from '../../app-settings.ts';
import { newCommand, type Session } from '../session.ts';

const EXAMPLES = `
Examples:
  $ wasmrun doctor
  $ wasmrun doctor ./app     ask about the ports that it forwards`;

/** The command as commander sees it. */
export const doctorCommand = (session: Session) =>
  newCommand('doctor')
    .summary('say what works here, and what is in the way')
    .description('Says what wasmrun can use on this machine, why not what it cannot, and what would help')
    .argument('[app]', 'a .wasm file, or the directory of an app, for its forwards', '.')
    .option('--verbose', 'say more about what happens')
    .option('--json', 'print one JSON document')
    .addHelpText('after', EXAMPLES)
    .action((app) => examine(session, app));

const examine = async ({ output }: Session, path: string): Promise<void> => {
  const { locateApp } = await import('../../runtime/resolve.ts');
  const { diagnose } = await import('../../diagnosis.ts');
  const { directory } = await locateApp(path);
  const { settings } = await loadAppSettings(directory);
  const diagnosis = await diagnose(settings);
  output.result(describe(diagnosis), diagnosis);
};

const describe = ({ facilities, obstacles }: Diagnosis): string => {
  const lines = [
    ...facilities.map(facilityLine),
    ...(obstacles.length === 0 ? [] : ['', 'Other machines are kept from forwards with --bind:']),
    ...obstacles.map((sentence) => `- ${sentence}`),
  ];
  return `${lines.join('\n')}\n`;
};

const facilityLine = ({ kind, name, isChosen, reason, hint }: Facility): string => {
  const state = reason === undefined ? (isChosen ? 'works, auto takes it' : 'works') : `no: ${reason}`;
  return `${kind.padEnd(11)}${name.padEnd(16)}${state}${hint === undefined ? '' : ` (${hint})`}`;
};
