/** The forwards of a running sandbox: opened when its guest comes to listen, and changed while it runs. */
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import { formatPort } from '../network/forward.ts';
import { describeRefusals } from '../network/refusal.ts';
import type { Selection } from '../network/select.ts';
import { carrierOf, type Carrier, type Target } from '../network/transport.ts';
import type { Protocol } from '../os/socket.ts';
import type { RequestedForward } from './definition.ts';
import type { SandboxEvent } from './events.ts';
import type { Generations } from './generations.ts';
import type { HeldPort, HeldPorts } from './held-ports.ts';
import type { SandboxRecord } from './record.ts';

export interface ForwardsOptions {
  readonly ports: HeldPorts;
  readonly selection: Selection;
  /** Where they lead. */
  readonly target: Target;
  readonly generations: Generations;
  readonly log: Log;
  readonly onEvent: (event: SandboxEvent) => void;
  /** Called with what could not be opened. */
  readonly onFailure: (error: WasmrunError) => void;
  /** Writes down which host ports are held, before they lead anywhere and after they do no more. */
  readonly amend: (additions: Pick<SandboxRecord, 'forwards'>) => Promise<void>;
}

/** A forward as it is at a moment. */
export interface ForwardState {
  readonly held: HeldPort;
  /** What carries it; undefined until the guest listens. */
  readonly carrier: Carrier | undefined;
}

interface OpenPath extends AsyncDisposable {
  readonly carrier: Carrier;
}

export class Forwards implements AsyncDisposable {
  readonly #options: ForwardsOptions;
  /** Process ports the guest listens on or has bound for UDP, as people write them. */
  readonly #listening = new Set<string>();
  readonly #open = new Map<HeldPort, OpenPath>();
  /** Opened by {@link expose}; the settings, which may change, do not know of them. */
  readonly #exposed = new Set<HeldPort>();
  /** Closed by {@link close}, whatever the settings go on to say. */
  readonly #closed = new Set<string>();
  readonly #said = new Set<string>();
  /** One change after another. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: ForwardsOptions) {
    this.#options = options;
  }

  /** Process ports that nobody listens on, as people write them. */
  get silent(): string[] {
    return this.#options.ports.forwards
      .map(({ processPort, protocol }) => formatPort(processPort, protocol))
      .filter((port) => !this.#listening.has(port));
  }

  get listening(): readonly string[] {
    return [...this.#listening];
  }

  get states(): ForwardState[] {
    return this.#options.ports.all.map((held) => ({ held, carrier: this.#open.get(held)?.carrier }));
  }

  /**
   * One more forward; the others are not disturbed.
   * @throws {WasmrunError} PORT_IN_USE and its like; nothing has changed then
   */
  async expose(requested: RequestedForward): Promise<ForwardState> {
    return await this.#serially(async () => {
      const held = await this.#options.ports.hold(requested);
      this.#exposed.add(held);
      await this.#writeDown();
      try {
        await this.#attach([held]);
        if (this.#isReady(held)) await this.#openOne(held);
      } catch (error) {
        await this.#giveBack([held]);
        this.#exposed.delete(held);
        await this.#writeDown();
        throw error;
      }
      return { held, carrier: this.#open.get(held)?.carrier };
    });
  }

  /**
   * Gives the host port of a forward back.
   * @param wanted - tells which one; undefined is returned where there is none
   * @param cut - established connections end at once; else they go on
   */
  async close(
    wanted: (held: HeldPort) => boolean,
    { cut = false }: { readonly cut?: boolean } = {},
  ): Promise<HeldPort | undefined> {
    return await this.#serially(async () => {
      const held = this.#options.ports.all.find(wanted);
      if (held === undefined) return undefined;
      await this.#giveBack([held], cut);
      if (!this.#exposed.delete(held)) this.#closed.add(keyOf(held.requested));
      await this.#writeDown();
      return held;
    });
  }

  /** The guest listens on a port: what leads there opens. */
  listens(port: number, protocol: Protocol): void {
    this.#listening.add(formatPort(port, protocol));
    void this.#serially(() => this.#openAll());
  }

  /**
   * Makes these the forwards, without disturbing those that stay or connections that are established.
   * @returns whether it takes a new version of the guest to make all of them work
   * @throws {WasmrunError} PORT_IN_USE and its like; nothing has changed then
   */
  async change(requested: readonly RequestedForward[]): Promise<{ needsNewVersion: boolean }> {
    return await this.#serially(async () => {
      const { ports, generations } = this.#options;
      const wanted = new Map(requested.map((each) => [keyOf(each), each]));
      const known = ports.all.filter((held) => !this.#exposed.has(held));
      // Several may lead from any free port to the same one.
      const exposed = [...this.#exposed]
        .map(({ requested }) => keyOf(requested))
        .filter((key) => !known.some(({ requested }) => keyOf(requested) === key));
      for (const key of [...this.#closed, ...exposed]) wanted.delete(key);
      const removed = new Set(known.filter((held) => !wanted.delete(keyOf(held.requested))));
      // The records are everybody's: who changes them waits for all sandboxes that start or stop.
      if (wanted.size === 0 && removed.size === 0) return { needsNewVersion: false };
      // A host port that leads elsewhere from now on stays held.
      const moved = [...removed].flatMap((held) => {
        const to = [...wanted.values()].find((each) => isSameHostPort(each, held.requested));
        return to !== undefined && wanted.delete(keyOf(to)) ? [{ held, to }] : [];
      });
      for (const { held } of moved) removed.delete(held);
      // On other addresses than before a host port has to be given back first.
      const isInTheWay = (held: HeldPort): boolean =>
        [...wanted.values()].some((each) => isSamePort(each, held.requested));
      const inTheWay = [...removed].filter(isInTheWay);
      const gone = [...removed].filter((held) => !inTheWay.includes(held));
      const added = await this.#holdInsteadOf(inTheWay, [...wanted.values()]);
      await this.#writeDown();
      await this.#giveBack(gone);
      for (const { held, to } of moved) {
        await this.#close(held);
        added.push(ports.move(held, to.processPort));
      }
      await this.#writeDown();
      await this.#lead(added);
      const processPorts = added.flatMap(({ listeners }) => listeners).map(({ processPort }) => processPort);
      return { needsNewVersion: generations.current.lacksPort(processPorts) };
    });
  }

  /** Resolves when everything that was asked for is done. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#work;
    for (const path of [...this.#open.values()].toReversed()) await path[Symbol.asyncDispose]();
    this.#open.clear();
  }

  async #writeDown(): Promise<void> {
    const { amend, ports } = this.#options;
    await amend({ forwards: ports.forwards });
  }

  async #holdAll(requested: readonly RequestedForward[]): Promise<HeldPort[]> {
    const { ports } = this.#options;
    const held: HeldPort[] = [];
    try {
      for (const each of requested) held.push(await ports.hold(each));
      return held;
    } catch (error) {
      for (const each of held) await ports.release(each);
      throw error;
    }
  }

  /** All of `wanted` in the place of these, or these again. */
  async #holdInsteadOf(old: readonly HeldPort[], wanted: readonly RequestedForward[]): Promise<HeldPort[]> {
    await this.#giveBack(old);
    try {
      return await this.#holdAll(wanted);
    } catch (error) {
      await this.#lead(await this.#holdAll(old.map(({ requested }) => requested)));
      throw error;
    }
  }

  /** Has what is held anew lead to the guest. */
  async #lead(added: readonly HeldPort[]): Promise<void> {
    await this.#attach(added);
    await this.#openAll();
  }

  async #attach(added: readonly HeldPort[]): Promise<void> {
    const { generations } = this.#options;
    generations.attach(added.flatMap(({ listeners }) => listeners));
    await generations.relay();
    // The kernel is to redirect to what is there already.
    await generations.current.attached();
  }

  /** Host ports that are anybody's afterwards. */
  async #giveBack(all: readonly HeldPort[], cut = false): Promise<void> {
    for (const held of all) {
      await this.#close(held, {
        cut,
        andThen: async () => {
          await this.#options.ports.release(held);
          await this.#end(held, cut);
        },
      });
    }
  }

  /** What the engines would end themselves, if they were not busy, and what was redirected past them. */
  async #end({ forward }: HeldPort, cut: boolean): Promise<void> {
    const { target, generations } = this.#options;
    const { cutConnections, endListening } = await import('../network/forward-connections.ts');
    endListening(forward, generations.engines);
    if (cut) cutConnections(forward, target, generations.engines);
  }

  async #openAll(): Promise<void> {
    for (const held of this.#options.ports.all) {
      if (!this.#isReady(held) || this.#open.has(held)) continue;
      try {
        await this.#openOne(held);
      } catch (error) {
        const isKnown = error instanceof WasmrunError;
        this.#options.onFailure(
          isKnown ? error : new WasmrunError('INTERNAL', String(error), { cause: error }),
        );
      }
    }
  }

  #isReady({ forward: { processPort, protocol } }: HeldPort): boolean {
    return this.#listening.has(formatPort(processPort, protocol));
  }

  async #openOne(held: HeldPort): Promise<void> {
    const { selection, target, onEvent } = this.#options;
    const { transport } = selection;
    const { landingPort: _, ...forward } = held.forward;
    const path = await transport.open(held.forward, target);
    const { fallback } = path;
    const carrier = carrierOf(held.forward, fallback === undefined ? transport : undefined);
    this.#open.set(held, { carrier, [Symbol.asyncDispose]: () => path[Symbol.asyncDispose]() });
    if (fallback !== undefined) this.#sayOnce(`${describeRefusals([fallback]).join()}; using ${carrier}`);
    onEvent({ type: 'forward', ...forward, transport: carrier });
  }

  /** @param andThen - done before it is told */
  async #close(
    held: HeldPort,
    { cut = false, andThen }: { cut?: boolean; andThen?: () => Promise<void> } = {},
  ): Promise<void> {
    const { generations, onEvent } = this.#options;
    const path = this.#open.get(held);
    await path?.[Symbol.asyncDispose]();
    this.#open.delete(held);
    generations.detach(held.listeners, cut);
    await andThen?.();
    const { addresses, hostPort, processPort, protocol } = held.forward;
    if (path !== undefined) onEvent({ type: 'closed', addresses, hostPort, processPort, protocol });
  }

  #sayOnce(line: string): void {
    if (!this.#said.has(line)) this.#options.log.info(line);
    this.#said.add(line);
  }

  #serially<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#work.then(action);
    this.#work = settle(result);
    return result;
  }
}

/** Whoever asked hears of failures; what comes after does not. */
const settle = async (work: Promise<unknown>): Promise<void> => {
  await Promise.allSettled([work]);
};

const hostPortOf = ({ protocol, addresses, hostPort }: RequestedForward): string =>
  `${protocol} ${addresses.join()} ${hostPort}`;

const keyOf = (forward: RequestedForward): string => `${hostPortOf(forward)} ${forward.processPort}`;

const isSamePort = (one: RequestedForward, other: RequestedForward): boolean =>
  one.hostPort !== 0 && one.protocol === other.protocol && one.hostPort === other.hostPort;

/** Of any free port there may be several. */
const isSameHostPort = (one: RequestedForward, other: RequestedForward): boolean =>
  one.hostPort !== 0 && hostPortOf(one) === hostPortOf(other);
