/** The sandboxes that commands are about: those with the prefix that the present directory's settings have. */
import type { Sandboxes } from '../sandboxes.ts';
import { loadAppSettings } from '../app-settings.ts';
import type { Session } from './session.ts';

export const findSandboxes = async ({ output }: Session): Promise<Sandboxes> => {
  const { settings } = await loadAppSettings(process.cwd());
  const { Sandboxes } = await import('../sandboxes.ts');
  return new Sandboxes(settings.network.namespacePrefix, output.log);
};
