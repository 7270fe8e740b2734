/** Everything a guest is run with, made once its network stands. */
import { Broker } from './broker.ts';
import { Connections } from './connections.ts';
import type { Control } from './control.ts';
import { DatagramPorts } from './datagram-ports.ts';
import { DatagramSocket } from './datagram-socket.ts';
import { DescriptorChannel } from './descriptor-channel.ts';
import type { Descriptor } from './descriptor.ts';
import type { EngineServices, Leaving, SocketOfType, SocketType } from './driver.ts';
import { failure } from './errno.ts';
import { EventPoll } from './event-poll.ts';
import * as libc from './libc.ts';
import { ListenerFactory } from './listeners.ts';
import { MAX_TRAFFIC_PORTS } from './messages.ts';
import type { AttachMessage, GoMessage, LaunchMessage, ToEngine } from './messages.ts';
import { POLLIN } from './poll-events.ts';
import type { Poller } from './poll.ts';
import type { SendLanes } from './send-thread/send-lanes.ts';
import { AF_INET, AF_INET6 } from './socket-address.ts';
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, StreamSocket } from './sockets.ts';
import { StandardStream } from './stdio.ts';
import { Traffic } from './traffic.ts';

export interface ServicesOptions {
  readonly launch: LaunchMessage;
  readonly go: GoMessage;
  readonly control: Control;
  readonly poller: Poller;
  readonly directories: readonly Descriptor[];
  /** Of the send thread, where there is one. */
  readonly lanes: SendLanes | undefined;
}

export class Services implements EngineServices {
  readonly control: Control;
  readonly poller: Poller;
  readonly listeners: ListenerFactory;
  readonly datagrams: DatagramPorts;
  readonly connections: Connections;
  readonly broker: Broker;
  readonly directories: readonly Descriptor[];
  readonly streams: EngineServices['streams'];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly #lanes: SendLanes | undefined;
  readonly #channel = new DescriptorChannel();
  readonly #traffic = new Traffic();
  #events: EventPoll | undefined;
  #leaving: Leaving | undefined;
  #onDatagramPort: ((processPort: number) => void) | undefined;

  constructor({ launch, go: { sandboxAddress }, control, poller, directories, lanes }: ServicesOptions) {
    const channel = this.#channel;
    const traffic = this.#traffic;
    this.control = control;
    this.#lanes = lanes;
    control.onExit(() => {
      lanes?.flush();
      this.#reportTraffic();
    });
    this.poller = poller;
    this.directories = directories;
    this.connections = new Connections(control);
    const { connections } = this;
    this.listeners = new ListenerFactory({
      ...launch,
      poller,
      control,
      channel,
      connections,
      traffic,
      sandboxAddress,
    });
    this.datagrams = new DatagramPorts({ ...launch, poller, control, channel, traffic, sandboxAddress });
    this.broker = new Broker(control, poller, channel, launch.virtualPorts !== true);
    this.streams = [
      new StandardStream(0, poller),
      new StandardStream(1, poller),
      new StandardStream(2, poller),
    ];
    ({ args: this.args, env: this.env, ports: this.ports } = launch);
  }

  get events(): EventPoll {
    if (this.#events !== undefined) return this.#events;
    const events = new EventPoll(this.control);
    events.watch(this.#channel.fds[0], POLLIN, () => this.broker.receive());
    this.#lanes?.watchBy(events);
    this.#events = events;
    return events;
  }

  openSocket<Type extends SocketType>(family: 4 | 6, type: Type): SocketOfType[Type] | number;
  openSocket(family: 4 | 6, type: SocketType): StreamSocket | DatagramSocket | number {
    const kind = (type === 'stream' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const hostFd = libc.socket(family === 6 ? AF_INET6 : AF_INET, kind, 0);
    if (hostFd < 0) return failure();
    return type === 'stream'
      ? new StreamSocket(hostFd, this.poller, 'guest')
      : new DatagramSocket(hostFd, this.poller, this.datagrams);
  }

  sendBeside(socket: StreamSocket): void {
    const lane = this.#lanes?.open(socket.hostFd);
    if (lane !== undefined) socket.sendBy(lane);
  }

  onDatagramPort(action: (processPort: number) => void): void {
    this.#onDatagramPort = action;
  }

  onLeave(leaving: Leaving): void {
    this.#leaving = leaving;
  }

  notice(text: string): void {
    this.control.send({ type: 'notice', text });
  }

  exit(status: number): never {
    return this.control.exit({ status, reason: 'exit' });
  }

  /** Does what the supervisor orders while the guest runs. */
  obey(order: ToEngine): void {
    if (order.type === 'drain' && this.#leaving !== undefined) this.#leaving.drain();
    else if (order.type === 'finish' && this.#leaving !== undefined) this.#leaving.finish();
    else if (order.type === 'drain') {
      this.listeners.pause();
      this.datagrams.pause();
      this.connections.drain();
    } else if (order.type === 'finish') this.connections.finish();
    else if (order.type === 'detach') this.listeners.detach(order.id, order.cut);
    else if (order.type === 'report-traffic') this.#reportTraffic();
    else if (order.type === 'attach') {
      this.#attach(order.kind);
      this.control.send({ type: 'attached' });
    }
  }

  #reportTraffic(): void {
    const all = this.#traffic.report();
    let rest = all.length;
    do {
      const ports = all.slice(all.length - rest, all.length - rest + MAX_TRAFFIC_PORTS);
      rest -= ports.length;
      this.control.send({ type: 'traffic', ports, isPartial: rest > 0 });
    } while (rest > 0);
  }

  #attach(kind: AttachMessage['kind']): void {
    const { packet, socket } = this.#channel.take(kind) ?? {};
    if (packet === undefined || socket === undefined) return;
    if (packet.kind === 'listener') return this.listeners.attach(socket, packet.id, packet.processPort);
    this.datagrams.attach(socket, packet.processPort);
    this.#onDatagramPort?.(packet.processPort);
  }
}
