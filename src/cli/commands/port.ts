/** `wasmrun port`: opens, closes and lists the forwards of a sandbox that runs. */
import { WasmrunError } from '../../errors.ts';
import { formatMapping, formatPort, parseForward, parseHostAddress } from '../../network/forward.ts';
import type { ForwardSpec } from '../../network/forward.ts';
import { forwardUrls } from '../../network/forward-url.ts';
import type { ForwardInfo } from '../../sandbox/control/sandbox-info.ts';
import { answer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { collect, newCommand, type Session } from '../session.ts';

const SANDBOX = 'name or id of a running sandbox';

/** The group as commander sees it. */
export const portCommand = (session: Session) =>
  newCommand('port')
    .summary('open and close forwards of a sandbox that runs')
    .description('Opens and closes forwards of a sandbox while it runs; the others are not disturbed')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun port expose web 8080:3000    host port 8080 to port 3000 of the app
  $ wasmrun port list web
  $ wasmrun port close web 8080:3000`,
    )
    .addCommand(exposeCommand(session))
    .addCommand(closeCommand(session))
    .addCommand(listCommand(session));

const exposeCommand = (session: Session) =>
  newCommand('expose')
    .summary('open a forward')
    .description(
      'Leads one more host port to a port of the app, until it is closed or the sandbox is removed',
    )
    .argument('<sandbox>', SANDBOX)
    .argument('<forward>', 'HOST:PROCESS ports, or PROCESS for any free host port; UDP with /udp')
    .option('--bind <address>', 'host address to listen on (repeatable; default: as the others)', collect)
    .option('--any-port', 'take any free host port where the wanted one is taken')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun port expose web 8080:3000
  $ wasmrun port expose web 3000           any free host port, kept from then on
  $ wasmrun port expose dns 5353:53/udp --bind 0.0.0.0

Exit status: 0 done, 1 failed, 2 wrong usage.`,
    )
    .action(async (sandbox, forward, { bind, anyPort = false }) => {
      await answer(session, 'port expose', () => expose(session, sandbox, forward, { bind, anyPort }));
    });

const closeCommand = (session: Session) =>
  newCommand('close')
    .summary('close a forward')
    .description('Gives the host port of a forward back; established connections finish')
    .argument('<sandbox>', SANDBOX)
    .argument('<forward>', 'HOST:PROCESS ports, as wasmrun port list has them; UDP with /udp')
    .option('--now', 'end established connections, too')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun port close web 8080:3000
  $ wasmrun port close web 8080:3000 --now

Exit status: 0 done, 1 failed, 2 wrong usage.`,
    )
    .action(async (sandbox, forward, { now = false }) => {
      await answer(session, 'port close', () => close(session, sandbox, forward, now));
    });

const listCommand = (session: Session) =>
  newCommand('list')
    .summary('list the forwards')
    .description('Lists the forwards of a sandbox')
    .argument('<sandbox>', SANDBOX)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  $ wasmrun port list web
  $ wasmrun port list web --json`,
    )
    .action(async (sandbox) => {
      await answer(session, 'port list', () => list(session, sandbox));
    });

interface ExposeFlags {
  readonly bind: readonly string[] | undefined;
  readonly anyPort: boolean;
}

const expose = async (
  session: Session,
  sandbox: string,
  text: string,
  { bind, anyPort }: ExposeFlags,
): Promise<Answer> => {
  const { address, hostPort, processPort, protocol } = parseSingle(text);
  if (address !== undefined && bind !== undefined) {
    throw new WasmrunError('USAGE', `"${text}" has an address, and so has --bind`, {
      hint: 'write one of them',
    });
  }
  const addresses = address === undefined ? bind?.map(parseHostAddress) : [address];
  const { record, control } = await findControl(session, sandbox);
  const forward = await control.expose({ protocol, addresses, hostPort, processPort, anyPort });
  const { name } = record;
  const fallback =
    hostPort === undefined || forward.hostPort === hostPort ? '' : `Host port ${hostPort} is taken. `;
  const carried = forward.transport ?? `nothing listens on port ${processPort} yet`;
  const lines = placesOf(forward).map(
    (place) => `${fallback}Exposed ${place} → ${name}:${formatPort(processPort, protocol)} (${carried})\n`,
  );
  return {
    text: `${lines.join('')}Close it with: wasmrun port close ${name} ${formatMapping(forward)}\n`,
    data: { sandbox: name, ...dataOf(forward) },
  };
};

const close = async (session: Session, sandbox: string, text: string, now: boolean): Promise<Answer> => {
  const { hostPort, processPort, protocol } = parseSingle(text);
  if (hostPort === undefined) {
    throw new WasmrunError('FORWARD_INVALID', `forward "${text}": the host port is missing`, {
      hint: `wasmrun port list ${sandbox} has both`,
    });
  }
  const { record, control } = await findControl(session, sandbox);
  await control.close({ protocol, hostPort, processPort, now });
  const { name } = record;
  const mapping = formatMapping({ hostPort, processPort, protocol });
  const left = now ? 'Established connections were ended.' : 'Established connections may finish.';
  return {
    text: `Closed ${formatPort(hostPort, protocol)} → ${name}:${processPort}. ${left}\n`,
    data: { sandbox: name, host_port: hostPort, process_port: processPort, mapping },
  };
};

const list = async (session: Session, sandbox: string): Promise<Answer> => {
  const { record, control } = await findControl(session, sandbox);
  const { forwards } = await control.info();
  const { formatTable } = await import('../table.ts');
  const rows = forwards.map((forward) => [
    formatPort(forward.hostPort, forward.protocol),
    String(forward.processPort),
    forward.transport ?? '-',
    forward.state,
    forward.connections === undefined ? '-' : String(forward.connections),
  ]);
  return {
    text:
      rows.length === 0
        ? `No active port forwards for '${record.name}'.\n`
        : formatTable(['Host port', 'Process port', 'Transport', 'State', 'Connections'], rows),
    data: {
      sandbox: record.name,
      forwards: forwards.map((forward) => ({
        ...dataOf(forward),
        protocol: forward.protocol,
        addresses: forward.addresses,
        state: forward.state,
        connections: forward.connections ?? null,
      })),
    },
  };
};

const findControl = async (session: Session, sandbox: string) => {
  const { findSandboxes } = await import('../find-sandboxes.ts');
  return await (await findSandboxes(session)).control(sandbox);
};

const parseSingle = (text: string): ForwardSpec => {
  const spec = parseForward(text);
  if (spec.count === 1) return spec;
  throw new WasmrunError('FORWARD_INVALID', `forward "${text}" is ${spec.count} ports`, {
    hint: 'give them one by one',
  });
};

/** `localhost:8080`, or one place for each address. */
const placesOf = (forward: ForwardInfo): string[] =>
  forwardUrls(forward).map((url) => url.replace(/^\w+:\/\//, ''));

const dataOf = (forward: ForwardInfo): object => ({
  host_port: forward.hostPort,
  process_port: forward.processPort,
  mapping: formatMapping(forward),
  transport: forward.transport ?? null,
});
