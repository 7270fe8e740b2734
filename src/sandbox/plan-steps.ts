/** The steps of a start in words, and as commands that would do the same by hand. */
import { namespaceName } from '../network/names.ts';
import { LINK_PREFIX_LENGTH, namespacePath, SANDBOX_INTERFACE } from '../network/namespace.ts';
import { pfRedirectionsOf } from '../network/transports/pf.ts';
import { anchorOf, rulesOf } from '../network/transports/pf-rules.ts';
import { redirectionsOf } from '../network/transports/redirect.ts';
import { createPfctl } from '../os/pfctl.ts';
import { bracket, formatPort } from '../network/forward.ts';
import type { SandboxDefinition } from './definition.ts';
import { engineCommand } from './engine-binary.ts';
import type { Choice } from './plan.ts';
import type { NamespaceRecord } from './record.ts';
import type { SandboxStep } from './start.ts';
import { State } from './state.ts';

export interface PlannedCommand {
  /** File and arguments. */
  readonly command: readonly string[];
  /** Given on standard input. */
  readonly input?: string;
}

export interface PlannedStep {
  /** A step of the start; then `listening` when the app listens, and `end`. */
  readonly step: SandboxStep | 'listening' | 'end';
  readonly what: string;
  readonly commands: readonly PlannedCommand[];
}

/** In the order they are done. */
export const planSteps = async (definition: SandboxDefinition, choice: Choice): Promise<PlannedStep[]> => {
  const { enclosure } = choice.record;
  const isNamespace = enclosure.isolation === 'namespace';
  return [
    portsStep(choice),
    ...(choice.platform === 'linux' ? [recordStep(definition, choice)] : []),
    ...(isNamespace ? [namespaceStep(enclosure)] : []),
    ...(enclosure.isolation === 'user-namespace' ? [userNamespaceStep()] : []),
    engineStep(choice),
    ...(isNamespace ? [linkStep(enclosure), await firewallStep(definition, choice, enclosure)] : []),
    step('transport', `take the transport ${choice.transport.name}`),
    goStep(definition),
    ...listeningSteps(definition, choice),
    endStep(definition, choice),
  ];
};

const step = (
  name: PlannedStep['step'],
  what: string,
  commands: readonly PlannedCommand[] = [],
): PlannedStep => ({ step: name, what, commands });

/** A command from its words; no argument of ours holds a space. */
const words = (line: string): PlannedCommand => ({ command: line.split(' ') });

const portsStep = ({ forwards }: Choice): PlannedStep => {
  const held = forwards.flatMap(({ protocol, addresses, hostPort, landingPort }) => [
    ...addresses.map(
      (address) => `${bracket(address)}:${formatPort(hostPort === 0 ? 'any free port' : hostPort, protocol)}`,
    ),
    ...(landingPort === undefined ? [] : ['127.0.0.1:any free port']),
  ]);
  const what = held.length === 0 ? 'no host port is forwarded' : `bind ${held.join(', ')}; listen on TCP`;
  return step('ports', what);
};

const recordStep = ({ prefix }: SandboxDefinition, { record }: Choice): PlannedStep =>
  step('record', `sweep what killed supervisors left, then write ${new State(prefix).path(record.name)}`);

const userNamespaceStep = (): PlannedStep =>
  step(
    'namespace',
    'make a user namespace and a network namespace in it, which end with the engine; lo comes up inside',
  );

const namespaceStep = ({ namespace }: NamespaceRecord): PlannedStep =>
  step('namespace', `make the network namespace ${namespace}, ${namespacePath(namespace)}`, [
    words(`ip netns add ${namespace}`),
    words(`ip -n ${namespace} link set lo up`),
    words(`ip netns exec ${namespace} sysctl -w net.ipv4.ip_unprivileged_port_start=0`),
  ]);

const engineStep = ({ record: { enclosure } }: Choice): PlannedStep => {
  const { file, args } = engineCommand();
  const command = [file, ...args];
  const inherits = 'it inherits the listening sockets';
  if (enclosure.isolation === 'user-namespace') {
    return step('engine', `start the engine inside, without any capability; ${inherits}`);
  }
  if (enclosure.isolation !== 'namespace') {
    return step('engine', `start the engine on the host itself; ${inherits}`, [{ command }]);
  }
  const { namespace } = enclosure;
  return step('engine', `start the engine inside ${namespace}; ${inherits}`, [
    { command: ['ip', 'netns', 'exec', namespace, ...command] },
  ]);
};

const linkStep = ({ namespace, link }: NamespaceRecord): PlannedStep => {
  const { veth, hostAddress, sandboxAddress } = link;
  const end = (inside: string, name: string, address: string): PlannedCommand[] => [
    words(`${inside === '' ? '' : `ip netns exec ${inside} `}sysctl -w net.ipv6.conf.${name}.disable_ipv6=1`),
    words(
      `ip ${inside === '' ? '' : `-n ${inside} `}address add ${address}/${LINK_PREFIX_LENGTH} dev ${name}`,
    ),
    words(`ip ${inside === '' ? '' : `-n ${inside} `}link set ${name} up`),
  ];
  return step('link', `join host and namespace by ${veth} and ${SANDBOX_INTERFACE}`, [
    words(`ip link add ${veth} type veth peer name ${SANDBOX_INTERFACE} netns ${namespace}`),
    ...end('', veth, hostAddress),
    ...end(namespace, SANDBOX_INTERFACE, sandboxAddress),
  ]);
};

const firewallStep = async (
  { prefix }: SandboxDefinition,
  { firewall, canLook }: Choice,
  { link }: NamespaceRecord,
): Promise<PlannedStep> => {
  if (firewall === undefined) {
    return step('firewall', 'there is none that works here');
  }
  const { veth, sandboxAddress } = link;
  const elements = { members: [{ veth, sandboxAddress }] };
  const input = await firewall.raiseScript(prefix, elements, canLook ? 'what stands' : 'nothing');
  return step('firewall', `raise the wall by ${firewall.name}, and put the sandbox behind it`, [
    { command: firewall.loader, input: `${input.trimEnd()}\n` },
    words(`sysctl -w net.ipv4.conf.${veth}.route_localnet=1`),
  ]);
};

const goStep = ({ user, module }: SandboxDefinition): PlannedStep => {
  const identity = user === undefined ? 'stays who it is' : `becomes uid ${user.uid}, gid ${user.gid}`;
  return step('go', `the engine ${identity}, gives up its rights, and runs ${module}`);
};

/** What happens when the app listens on a forwarded port. */
const listeningSteps = (definition: SandboxDefinition, choice: Choice): PlannedStep[] => {
  const { forwards, transport, firewall, record } = choice;
  if (forwards.length === 0) return [];
  const pfRules = transport.name === 'pf' ? rulesOf(forwards.flatMap(pfRedirectionsOf)) : '';
  if (pfRules !== '') return [pfStep(namespaceName(definition.prefix, record.name), pfRules)];
  return forwards.map((forward) => {
    const { protocol, processPort } = forward;
    const when = `when the app ${protocol === 'tcp' ? 'listens on' : 'binds'} port ${formatPort(processPort, protocol)}:`;
    const { enclosure } = record;
    const redirections = enclosure.isolation === 'namespace' ? redirectionsOf(forward, enclosure.link) : [];
    if (firewall === undefined || transport.firewall !== firewall.name || redirections.length === 0) {
      const how =
        protocol === 'tcp' ? 'it accepts from the sockets held on the host' : 'datagrams are relayed to it';
      return step('listening', `${when} ${how}`);
    }
    const input = firewall.redirectScript(definition.prefix, redirections);
    return step('listening', `${when} the kernel redirects to it`, [
      { command: firewall.loader, input: `${input.trimEnd()}\n` },
    ]);
  });
};

const pfStep = (name: string, input: string): PlannedStep => {
  const { commands } = createPfctl();
  return step(
    'listening',
    'when the app listens: pf redirects to the second port, if a canary rule in the same anchor is followed; else handoff',
    [{ command: commands.enable }, { command: commands.load(anchorOf(name)), input }],
  );
};

const endStep = ({ prefix }: SandboxDefinition, { transport, forwards, record }: Choice): PlannedStep => {
  const { commands } = createPfctl();
  const isPf = transport.name === 'pf' && forwards.some((forward) => transport.carries(forward));
  return step(
    'end',
    'when the app ends or a signal stops it, all of this is taken away again, the last first',
    isPf
      ? [
          { command: commands.clear(anchorOf(namespaceName(prefix, record.name))) },
          { command: commands.release('TOKEN') },
        ]
      : [],
  );
};
