/** The host ports of a sandbox: held before anything else is made, then handed over or relayed. */
import type { Socket } from 'node:dgram';
import { FIRST_INHERITED_FD } from '../engine/messages.ts';
import type { LaunchMessage } from '../engine/messages.ts';
import { holdHostPort } from '../network/host-listener.ts';
import type { HeldForward } from '../network/transport.ts';
import type { RequestedForward } from './definition.ts';
import type { EngineProcess } from './engine-process.ts';

/** Where `::1` does not exist, localhost is just 127.0.0.1. */
export const OPTIONAL_ADDRESSES: readonly string[] = ['::1'];

export interface HeldPorts {
  readonly forwards: readonly HeldForward[];
  /** Listening sockets of TCP, for the engine to inherit in this order. */
  readonly listeners: readonly { readonly fd: number; readonly processPort: number }[];
  /**
   * Sockets of UDP by the process port they lead to. One stream to the engine for each process port, however
   * many host ports lead there: the guest tells clients apart by what one relay calls them.
   */
  readonly datagrams: ReadonlyMap<number, readonly Socket[]>;
}

/** Any free port for connections that are redirected within the host. */
const LANDING = { addresses: ['127.0.0.1'], port: 0 };

/**
 * @param needsLanding - hold a second port for each forward of TCP, see {@link HeldForward.landingPort}
 * @throws {WasmrunError} PORT_IN_USE, PORT_FORBIDDEN, BIND_FAILED
 */
export const holdPorts = async (
  requested: readonly RequestedForward[],
  made: AsyncDisposableStack,
  needsLanding: boolean,
): Promise<HeldPorts> => {
  const forwards: HeldForward[] = [];
  const listeners: { fd: number; processPort: number }[] = [];
  const datagrams = new Map<number, Socket[]>();
  for (const { protocol, addresses, hostPort, processPort } of requested) {
    const request = { addresses, port: hostPort, processPort, skipUnavailable: OPTIONAL_ADDRESSES };
    const hold = (
      held: { hostPort: number; listeners: readonly { address: string }[] },
      landing?: { hostPort: number },
    ): void => {
      const bound = held.listeners.map(({ address }) => address);
      const landingPort = landing === undefined ? {} : { landingPort: landing.hostPort };
      forwards.push({ addresses: bound, hostPort: held.hostPort, processPort, protocol, ...landingPort });
    };
    if (protocol === 'tcp') {
      const held = made.use(holdHostPort(request));
      const landing = needsLanding ? made.use(holdHostPort(LANDING)) : undefined;
      hold(held, landing);
      const sockets = [...held.listeners, ...(landing?.listeners ?? [])];
      listeners.push(...sockets.map(({ fd }) => ({ fd, processPort })));
    } else {
      const { holdDatagramPort } = await import('../network/host-datagram.ts');
      const held = made.use(holdDatagramPort(request));
      hold(held);
      const sockets = held.listeners.map(({ socket }) => socket);
      datagrams.set(processPort, [...(datagrams.get(processPort) ?? []), ...sockets]);
    }
  }
  return { forwards, listeners, datagrams };
};

/** What the engine is told of them: its descriptors are numbered in the order it inherits them. */
export const describeForEngine = ({
  listeners,
  datagrams,
}: HeldPorts): Pick<LaunchMessage, 'handed' | 'channels' | 'ports'> => {
  let fd = FIRST_INHERITED_FD;
  return {
    handed: listeners.map(({ processPort }, id) => ({ fd: fd++, id, processPort })),
    channels: [...datagrams.keys()].map((processPort) => ({ fd: fd++, processPort })),
    ports: [...new Set(listeners.map(({ processPort }) => processPort))],
  };
};

/** Carries datagrams to and from the engine until `made` is unmade. */
export const relayDatagrams = async (
  { datagrams }: HeldPorts,
  engine: EngineProcess,
  made: AsyncDisposableStack,
): Promise<void> => {
  if (datagrams.size === 0) return;
  const { DatagramRelay } = await import('../network/datagram-relay.ts');
  for (const [index, sockets] of [...datagrams.values()].entries()) {
    const channel = engine.channels[index];
    if (channel === undefined) throw new Error('a relay has no stream to the engine');
    made.use(new DatagramRelay({ sockets, channel, onNonsense: () => engine.distrust() }));
  }
};
