/** Settings that a client asks for when it connects (PostgreSQL 18 documentation, 54.7, "StartupMessage"). */

/** What a start-up message tells besides settings. */
const NO_SETTINGS = new Set(['user', 'database', 'options', 'replication']);
/** Extensions of the protocol itself. */
const PROTOCOL_OPTION = '_pq_.';

/** Names and values, in the order in which they take effect. */
export const sessionSettings = (parameters: ReadonlyMap<string, string>): [name: string, value: string][] => [
  ...optionSettings(splitOptions(parameters.get('options') ?? '')),
  ...[...parameters].filter(([name]) => !NO_SETTINGS.has(name) && !name.startsWith(PROTOCOL_OPTION)),
];

/** As pg_split_opts() does (src/backend/utils/init/postinit.c): at white space, which a backslash makes ordinary. */
const splitOptions = (text: string): string[] => {
  const options: string[] = [];
  for (const [word] of text.matchAll(/(?:\\[^]|[^\s\\])+/g)) options.push(word.replaceAll(/\\([^])/g, '$1'));
  return options;
};

/** Of the command line's switches, `-c NAME=VALUE` and `--NAME=VALUE` set something by name; others are left out. */
const optionSettings = (options: readonly string[]): [name: string, value: string][] => {
  const settings: [string, string][] = [];
  for (let index = 0; index < options.length; index += 1) {
    const option = options[index]!;
    let setting: string | undefined;
    if (option === '-c') {
      index += 1;
      setting = options[index];
    } else if (option.startsWith('-c') || option.startsWith('--')) {
      setting = option.slice(2);
    }
    const [, name, value] = /^([^=]+)=([^]*)$/.exec(setting ?? '') ?? [];
    if (name !== undefined && value !== undefined) settings.push([name.replaceAll('-', '_'), value]);
  }
  return settings;
};

/** src/include/pg_config_manual.h: `NAMEDATALEN`, less the zero at the end; in bytes. */
const LONGEST_NAME = 63;

/** A name as PostgreSQL takes it: what is too long is cut off, between two characters. */
export const clipName = (name: string): string => {
  const bytes = Buffer.from(name);
  if (bytes.length <= LONGEST_NAME) return name;
  let end = LONGEST_NAME;
  // UTF-8: bytes within a character begin with the bits 10.
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
};
