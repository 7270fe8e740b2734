/** `wasmrun explain`: where the way from a host port to an app is interrupted, and what to do. */
import { WasmrunError } from '../../errors.ts';
import type { Explanation } from '../../explanation.ts';
import { formatMapping, formatPort, parseForward } from '../../network/forward.ts';
import { answer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { loadAppSettings } from '../../app-settings.ts';
import { newCommand, type Session } from '../session.ts';

/** The command as commander sees it. */
export const explainCommand = (session: Session) =>
  newCommand('explain')
    .summary('say where a forward is interrupted')
    .description('Walks the way of a forward step by step, and names the first that fails')
    .argument('<sandbox>', 'name or id of a sandbox')
    .argument('[port]', 'host port of the forward, e.g. 8080 or 5353/udp (default: the first one)')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun explain web 8080
  $ wasmrun explain dns 5353/udp --json

Exit status: 0 all steps are well, 1 one of them is not, 2 wrong usage.`,
    )
    .action(async (sandbox, port) => {
      await answer(session, 'explain', () => explain(sandbox, port));
    });

const explain = async (sandbox: string, port: string | undefined): Promise<Answer> => {
  const wanted = port === undefined ? undefined : parseHostPort(port);
  const { settings } = await loadAppSettings(process.cwd());
  const { explainForward } = await import('../../explanation.ts');
  const prefix = settings.network.namespacePrefix;
  const explanation = await explainForward({ prefix, sandbox, wanted });
  const { broken } = explanation;
  return { text: textOf(explanation), data: dataOf(explanation), status: broken === undefined ? 0 : 1 };
};

const parseHostPort = (text: string): { protocol: 'tcp' | 'udp'; hostPort: number } => {
  // A port alone is read as that of the app; a pair is as `wasmrun port list` has it.
  const { hostPort, processPort, count, protocol } = parsed(text);
  if (count === 1) return { protocol, hostPort: hostPort ?? processPort };
  throw notOnePort(text);
};

const parsed = (text: string): ReturnType<typeof parseForward> => {
  try {
    return parseForward(text);
  } catch (error) {
    if (!(error instanceof WasmrunError)) throw error;
    throw notOnePort(text);
  }
};

const notOnePort = (text: string): WasmrunError =>
  new WasmrunError('USAGE', `"${text}" is not a host port`, {
    hint: 'write its number, such as 8080, or 5353/udp',
  });

/** A line each; then what the first failure is, and what to do. */
const textOf = ({ sandbox, protocol, hostPort, processPort, hops, broken }: Explanation): string => {
  const lines = hops.map(
    ({ state, name, sentence }) => `${state.padEnd(8)} ${name.padEnd(12)} ${sentence}\n`,
  );
  const way = `${formatPort(hostPort, protocol)} → ${sandbox}:${processPort}`;
  const end =
    broken === undefined
      ? `${way} is well.\n`
      : `${way} is interrupted: ${broken.sentence}.\n${broken.fix}\n`;
  return `${lines.join('')}\n${end}`;
};

const dataOf = ({ sandbox, protocol, hostPort, processPort, hops, broken }: Explanation): object => ({
  sandbox,
  protocol,
  host_port: hostPort,
  process_port: processPort,
  mapping: formatMapping({ hostPort, processPort, protocol }),
  broken: broken?.name ?? null,
  hops: hops.map(({ name, state, sentence, fix }) => ({
    hop: name,
    state,
    sentence,
    ...(fix !== undefined && { fix }),
  })),
});
