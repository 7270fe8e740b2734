/** `wasmrun gc`: removes what sandboxes left behind that were ended by force. */
import { silentLog } from '../../log.ts';
import { loadAppSettings } from '../../app-settings.ts';
import { leftoverText } from '../leftover-text.ts';
import { newCommand, type Session } from '../session.ts';

const EXAMPLES = `
Examples:
  $ wasmrun gc --dry-run     what would be removed
  $ wasmrun gc`;

/** The command as commander sees it. */
export const gcCommand = (session: Session) =>
  newCommand('gc')
    .summary('remove what is left of killed sandboxes')
    .description('Removes what is left of sandboxes whose wasmrun was killed; running ones are not touched')
    .option('--dry-run', 'list what would be removed, and leave it there')
    .option('--verbose', 'say more about what happens')
    .option('--json', 'print one JSON document')
    .addHelpText('after', EXAMPLES)
    .action(({ dryRun = false }) => removeLeftovers(session, dryRun));

const removeLeftovers = async ({ output, json }: Session, dryRun: boolean): Promise<void> => {
  const { settings } = await loadAppSettings(process.cwd());
  const { collectGarbage } = await import('../../wasmrun.ts');
  const leftovers = await collectGarbage(settings.network.namespacePrefix, {
    dryRun,
    log: json ? silentLog : output.log,
  });
  const lines = leftovers.map((leftover) => `${leftoverText(leftover)}\n`);
  output.result(lines.join(''), dryRun ? { leftovers } : { removed: leftovers.map(({ name }) => name) });
};
