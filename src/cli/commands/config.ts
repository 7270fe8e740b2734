/** `wasmrun config`: questions about the settings. */
import { loadAppSettings } from '../../app-settings.ts';
import { newCommand, type Session } from '../session.ts';

const EXAMPLES = `
Examples:
  $ wasmrun config show ./app
  $ wasmrun config show ./app --origin     where each value comes from`;

/** The command as commander sees it. */
export const configCommand = (session: Session) =>
  newCommand('config')
    .summary('show the settings that apply to an app')
    .description('Shows the settings that apply to an app')
    .addHelpText('after', EXAMPLES)
    .addCommand(
      newCommand('show')
        .summary('print all settings of an app')
        .description('Prints all settings of an app as they would be written in .wasmrun.toml')
        .argument('[app]', 'a .wasm file, or the directory of an app', '.')
        .option('--origin', 'say where each value comes from')
        .option('--verbose', 'say more about what happens')
        .option('--json', 'print one JSON document')
        .addHelpText('after', EXAMPLES)
        .action((app, options) => showConfig(session, app, options.origin ?? false)),
    );

const showConfig = async ({ output }: Session, path: string, withOrigin: boolean): Promise<void> => {
  const { locateApp } = await import('../../runtime/resolve.ts');
  const { printSettings } = await import('../settings-text.ts');
  const { directory } = await locateApp(path);
  const loaded = await loadAppSettings(directory);
  const { configFile = null, ...settings } = loaded.settings;
  const origins = withOrigin ? { origins: Object.fromEntries(loaded.origins()) } : {};
  output.result(printSettings(loaded, withOrigin), { configFile, settings, ...origins });
};
