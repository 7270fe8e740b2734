/** What the app was started with. Asked for when it is started, not before: a snapshot knows nothing of it. */
import { host } from './host.ts';

export interface Launch {
  /** The interpreter's name, the entry, its arguments. */
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Options of Node by their long names. */
  readonly options: Readonly<Record<string, unknown>>;
  cwd: string;
  /** Bytes the app may use. */
  readonly memory: number;
}

const NOTHING: Launch = { argv: ['node'], execArgv: [], env: {}, options: {}, cwd: '/', memory: 0 };
let launch: Launch = NOTHING;

export const launched = (): Launch => launch;

export const readLaunch = (): Launch => {
  launch = JSON.parse(host.launch()) as Launch;
  if (launch.env['TZ'] !== undefined) host.setTimeZone(launch.env['TZ']);
  return launch;
};
