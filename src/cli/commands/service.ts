/** `wasmrun service`: sandboxes that start with the machine. */
import type { ServiceChange, ServiceStatus } from '../../service.ts';
import { answer } from '../answer.ts';
import { loadAppSettings } from '../../app-settings.ts';
import { newCommand, type Session } from '../session.ts';

/** The command as commander sees it. */
export const serviceCommand = (session: Session) =>
  newCommand('service')
    .summary('have sandboxes start with the machine')
    .description(
      'Has systemd start sandboxes together with the machine, those marked\n' +
        '--restart always, and stop them at its end.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ sudo wasmrun service install
  $ wasmrun service status

What it starts: wasmrun os ./app --detach --restart always`,
    )
    .addCommand(installCommand(session))
    .addCommand(uninstallCommand(session))
    .addCommand(statusCommand(session));

const USER = ['--user', "for your own sandboxes: a unit of your user's systemd"] as const;
const JSON_OPTION = ['--json', 'print one JSON document'] as const;

const installCommand = (session: Session) =>
  newCommand('install')
    .summary('write the unit, and have it started')
    .description('Writes the unit and has systemd start it, now and with the machine')
    .option(...USER)
    .option('--print', 'print the unit, and do nothing')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  $ sudo wasmrun service install
  $ wasmrun service install --user --print`,
    )
    .action(async ({ user = false, print = false }) => {
      await answer(session, 'service install', async () => {
        const service = await openService(user);
        const { unit, path, text } = service;
        if (print) return { text, data: { unit, path, text } };
        const change = await service.install();
        for (const warning of change.warnings) session.output.log.warn(warning);
        return { text: describeInstall(change, user), data: dataOf(change) };
      });
    });

const uninstallCommand = (session: Session) =>
  newCommand('uninstall')
    .summary('stop it, and remove the unit')
    .description('Stops the service, with all its sandboxes, and removes the unit')
    .option(...USER)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  $ sudo wasmrun service uninstall`,
    )
    .action(async ({ user = false }) => {
      await answer(session, 'service uninstall', async () => {
        const change = await (await openService(user)).uninstall();
        return { text: describeUninstall(change), data: dataOf(change) };
      });
    });

const statusCommand = (session: Session) =>
  newCommand('status')
    .summary('say whether it is there, and works')
    .description('Says whether the unit is there, and what systemd says of it; exit status 1 if it is not')
    .option(...USER)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun service status
  $ wasmrun service status --user --json`,
    )
    .action(async ({ user = false }) => {
      await answer(session, 'service status', async () => {
        const status = await (await openService(user)).status();
        const isThere = status.file === 'current' || status.file === 'outdated';
        return { text: describeStatus(status), data: status, status: isThere ? 0 : 1 };
      });
    });

const openService = async (isUsers: boolean) => {
  const { Service } = await import('../../service.ts');
  const { settings } = await loadAppSettings(process.cwd());
  return new Service(isUsers ? 'user' : 'system', settings.network.namespacePrefix);
};

const dataOf = ({ unit, path, isChanged, ran, toRun, warnings }: ServiceChange) => ({
  unit,
  path,
  changed: isChanged,
  ran,
  to_run: toRun,
  warnings,
});

const describeInstall = ({ unit, path, isChanged, ran, toRun }: ServiceChange, isUsers: boolean): string =>
  [
    isChanged ? `Wrote ${path}` : `${path} is as it should be`,
    ...ran.map((command) => `Ran ${command}`),
    ...(toRun.length > 0 ? ['systemd does not run here; where it does, type:', ...toRun.map(indent)] : []),
    `Sandboxes with --restart always then start with ${isUsers ? 'your first login' : 'the machine'}.`,
    ...(isUsers ? ['For a start with the machine, type: loginctl enable-linger'] : []),
    ...(ran.length > 0
      ? [`${isUsers ? 'systemctl --user' : 'systemctl'} status ${unit} shows how it goes.`]
      : []),
    '',
  ].join('\n');

const describeUninstall = ({ path, isChanged, ran }: ServiceChange): string =>
  [
    ...ran.map((command) => `Ran ${command}`),
    isChanged ? `Removed ${path}` : `There is no ${path}`,
    ...(isChanged ? ['Definitions of sandboxes are kept; wasmrun rm removes them.'] : []),
    '',
  ].join('\n');

const FILE_STATES: Readonly<Record<ServiceStatus['file'], string>> = {
  current: 'as this wasmrun writes it',
  outdated: 'of another version of wasmrun, or changed; wasmrun service install renews it',
  foreign: 'not written by wasmrun',
  missing: 'not there; wasmrun service install writes it',
};

const describeStatus = ({ unit, path, file, enabled, active }: ServiceStatus): string =>
  [
    `${path}: ${FILE_STATES[file]}`,
    active === undefined ? 'systemd does not run here' : `${unit}: ${enabled}, ${active}`,
    '',
  ].join('\n');

const indent = (line: string): string => `  ${line}`;
