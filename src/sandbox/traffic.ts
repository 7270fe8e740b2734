/** What went through the process ports of a sandbox, as its engines count it. */
import type { PortTraffic, TrafficMessage } from '../engine/messages.ts';
import { formatPort } from '../network/forward.ts';
import { within } from './within.ts';

/** An engine whose guest computes answers at its next wait: so long that is waited for, in ms. */
const ANSWER_MS = 250;

/** The counts of one engine, as they were told last. */
export class EngineTraffic {
  readonly #ask: () => void;
  #told: readonly PortTraffic[] = [];
  /** What has come of an answer that takes several messages, by port as people write it. */
  #parts = new Map<string, PortTraffic>();
  #answer: PromiseWithResolvers<void> | undefined;

  /** @param ask - has the engine tell */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  get latest(): readonly PortTraffic[] {
    return this.#told;
  }

  receive({ ports, isPartial }: TrafficMessage): void {
    for (const traffic of ports) this.#parts.set(formatPort(traffic.port, traffic.protocol), traffic);
    if (isPartial) return;
    this.#told = [...this.#parts.values()];
    this.#parts = new Map();
    this.#answer?.resolve();
    this.#answer = undefined;
  }

  /** Asks the engine; resolves when it has answered, has ended, or is too busy to. */
  async refresh(): Promise<void> {
    if (this.#answer === undefined) {
      this.#answer = Promise.withResolvers();
      this.#ask();
    }
    await within(ANSWER_MS, this.#answer.promise);
  }

  /** The engine has ended: nobody waits for its answer any more. */
  end(): void {
    this.#answer?.resolve();
  }
}

/** Adds the counts of several engines up, port by port. */
export const sumTraffic = (all: readonly (readonly PortTraffic[])[]): PortTraffic[] => {
  const sums = new Map<string, PortTraffic>();
  for (const traffic of all.flat()) {
    const key = formatPort(traffic.port, traffic.protocol);
    const sum = sums.get(key) ?? { ...traffic, accepted: 0, received: 0, sent: 0 };
    sums.set(key, {
      ...sum,
      accepted: sum.accepted + traffic.accepted,
      received: sum.received + traffic.received,
      sent: sum.sent + traffic.sent,
    });
  }
  return [...sums.values()];
};
