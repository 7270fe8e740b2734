/** The host ports of a sandbox: held before anything else is made, then handed over or relayed. */
import type { Socket } from 'node:dgram';
import { holdHostPort } from '../network/host-listener.ts';
import type { HeldForward } from '../network/transport.ts';
import type { Protocol } from '../os/socket.ts';
import type { RequestedForward } from './definition.ts';
import type { SandboxRecord } from './record.ts';

/** Where `::1` does not exist, localhost is just 127.0.0.1. */
export const OPTIONAL_ADDRESSES: readonly string[] = ['::1'];

/** Any free port for connections that are redirected within the host. */
const LANDING = { addresses: ['127.0.0.1'], port: 0 };

/** A listening socket of TCP, for the engines to inherit. */
export interface HeldListener {
  readonly fd: number;
  /** By which an engine is told to give it back. */
  readonly id: number;
  readonly processPort: number;
}

/** A forward whose host port is held on all its addresses. */
export interface HeldPort {
  readonly requested: RequestedForward;
  readonly forward: HeldForward;
  readonly listeners: readonly HeldListener[];
  /** Sockets of UDP. */
  readonly datagrams: readonly Socket[];
}

export class HeldPorts implements AsyncDisposable {
  readonly #needsLanding: boolean;
  readonly #neighbours: () => readonly SandboxRecord[];
  readonly #held = new Map<HeldPort, AsyncDisposableStack>();
  #lastId = 0;

  /**
   * @param needsLanding - hold a second port for each forward of TCP, see {@link HeldForward.landingPort}
   * @param neighbours - the sandboxes that run, to say which of them has a port
   */
  constructor(needsLanding: boolean, neighbours: () => readonly SandboxRecord[]) {
    this.#needsLanding = needsLanding;
    this.#neighbours = neighbours;
  }

  get all(): readonly HeldPort[] {
    return [...this.#held.keys()];
  }

  get forwards(): readonly HeldForward[] {
    return this.all.map(({ forward }) => forward);
  }

  get listeners(): readonly HeldListener[] {
    return this.all.flatMap(({ listeners }) => listeners);
  }

  /**
   * Sockets of UDP by the process port they lead to. One stream to the engine for each process port, however
   * many host ports lead there: the guest tells clients apart by what one relay calls them.
   */
  get datagrams(): ReadonlyMap<number, readonly Socket[]> {
    const all = this.all.filter(({ datagrams }) => datagrams.length > 0);
    return new Map(
      [...Map.groupBy(all, ({ forward }) => forward.processPort)].map(([port, held]) => [
        port,
        held.flatMap(({ datagrams }) => datagrams),
      ]),
    );
  }

  /** @throws {WasmrunError} PORT_IN_USE, PORT_FORBIDDEN, BIND_FAILED */
  async hold(requested: RequestedForward): Promise<HeldPort> {
    const { protocol, addresses, hostPort, processPort } = requested;
    const ownerOf = (address: string, port: number): string | undefined =>
      this.#findSandbox({ address, port, protocol });
    const request = { addresses, port: hostPort, processPort, skipUnavailable: OPTIONAL_ADDRESSES, ownerOf };
    await using made = new AsyncDisposableStack();
    let held: HeldPort;
    if (protocol === 'tcp') {
      const port = made.use(holdHostPort(request));
      const landing = this.#needsLanding ? made.use(holdHostPort(LANDING)) : undefined;
      const bound = port.listeners.map(({ address }) => address);
      const landingPort = landing === undefined ? {} : { landingPort: landing.hostPort };
      const forward = { addresses: bound, hostPort: port.hostPort, processPort, protocol, ...landingPort };
      const sockets = [...port.listeners, ...(landing?.listeners ?? [])];
      const listeners = sockets.map(({ fd }) => ({ fd, id: (this.#lastId += 1), processPort }));
      held = { requested, forward, listeners, datagrams: [] };
    } else {
      const { holdDatagramPort } = await import('../network/host-datagram.ts');
      const port = made.use(holdDatagramPort(request));
      const bound = port.listeners.map(({ address }) => address);
      const forward = { addresses: bound, hostPort: port.hostPort, processPort, protocol };
      held = { requested, forward, listeners: [], datagrams: port.listeners.map(({ socket }) => socket) };
    }
    this.#held.set(held, made.move());
    return held;
  }

  /** Which sandbox has a host port: a better answer than the process that it runs in. */
  #findSandbox(taken: { address: string; port: number; protocol: Protocol }): string | undefined {
    const { address, port, protocol } = taken;
    const owner = this.#neighbours().find(({ forwards }) =>
      forwards.some(
        (theirs) =>
          theirs.hostPort === port && theirs.protocol === protocol && theirs.addresses.includes(address),
      ),
    );
    return owner && `the sandbox ${owner.name}`;
  }

  /** The same host port, leading to another process port from now on; `held` is none of these any more. */
  move(held: HeldPort, processPort: number): HeldPort {
    const sockets = this.#held.get(held) ?? new AsyncDisposableStack();
    this.#held.delete(held);
    const moved: HeldPort = {
      ...held,
      requested: { ...held.requested, processPort },
      forward: { ...held.forward, processPort },
      listeners: held.listeners.map(({ fd }) => ({ fd, id: (this.#lastId += 1), processPort })),
    };
    this.#held.set(moved, sockets);
    return moved;
  }

  /** Gives a host port back. */
  async release(held: HeldPort): Promise<void> {
    const sockets = this.#held.get(held);
    this.#held.delete(held);
    await sockets?.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const held of this.all) await this.release(held);
  }
}
