/** `wasmrun gc`: removes what sandboxes left behind that were ended by force. */
import { newCommand, type Session } from '../session.ts';

/** The command as commander sees it. */
export const gcCommand = (session: Session) =>
  newCommand('gc')
    .description('Removes what is left of sandboxes whose wasmrun was killed; running ones are not touched')
    .option('--verbose', 'say more about what happens')
    .option('--json', 'print one JSON document')
    .action(() => removeLeftovers(session));

const removeLeftovers = async ({ output }: Session): Promise<void> => {
  const { loadSettings } = await import('../../config/settings.ts');
  const { settings } = await loadSettings({
    appDirectory: process.cwd(),
    flags: {},
    environment: process.env,
    workingDirectory: process.cwd(),
  });
  const { collectGarbage } = await import('../../wasmrun.ts');
  const removed = await collectGarbage(settings.network.namespacePrefix);
  output.result(removed.map((name) => `${name}\n`).join(''), { removed });
};
