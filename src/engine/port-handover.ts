/**
 * Ports that outlive engines: their sockets come from the engine before, and go up to the supervisor for the
 * one after.
 */
import type { Control } from './control.ts';
import type { DescriptorChannel } from './descriptor-channel.ts';
import { replaceDescriptor } from './libc.ts';
import type { LaunchMessage, ListeningMessage } from './messages.ts';

export interface PortHandoverOptions extends Pick<LaunchMessage, 'inherited' | 'keepListeners'> {
  readonly control: Control;
  readonly channel: DescriptorChannel;
}

/** Of one protocol. */
export class PortHandover {
  readonly #options: PortHandoverOptions;
  readonly #protocol: ListeningMessage['protocol'];
  /** Sockets of an earlier engine by port: the guest's, then its companion. */
  readonly #inherited: Map<number, number[]>;

  constructor(protocol: ListeningMessage['protocol'], options: PortHandoverOptions) {
    this.#protocol = protocol;
    this.#options = options;
    const own = options.inherited.filter((each) => each.protocol === protocol);
    this.#inherited = new Map(
      [...Map.groupBy(own, ({ port }) => port)].map(([port, all]) => [port, all.map(({ fd }) => fd)]),
    );
  }

  /** The next socket of a port, which is the caller's now. */
  take(port: number): number | undefined {
    return this.#inherited.get(port)?.shift();
  }

  /** All that are left of a port; undefined where an earlier engine had none. */
  takeRest(port: number): readonly number[] | undefined {
    const rest = this.#inherited.get(port);
    this.#inherited.delete(port);
    return rest;
  }

  /**
   * Has a guest's descriptor go on as the next socket of a port, which was bound before.
   * @returns 0 or a negated WASI errno; undefined where there is no such socket
   */
  takeInto(hostFd: number, port: number): number | undefined {
    const bound = this.take(port);
    return bound === undefined ? undefined : replaceDescriptor(hostFd, bound);
  }

  /** Tells the supervisor that the guest has a port, and hands its sockets up where they are wanted. */
  announce(port: number, own: readonly number[]): void {
    const { control, channel, keepListeners } = this.#options;
    const sockets = keepListeners ? own.filter((fd) => channel.send(fd)).length : 0;
    control.send({ type: 'listening', protocol: this.#protocol, port, sockets });
  }
}
