/**
 * The versions of a sandbox's guest, one after another: how the next takes the place of the last without a
 * moment in which nobody listens. Listening sockets outlive the engines that opened them; they are kept here.
 */
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WasmrunError } from '../errors.ts';
import { formatPort } from '../network/forward.ts';
import type { SandboxDefinition } from './definition.ts';
import type { ReplaceMode } from '../watch/reload-policy.ts';
import { Generation, failureOf } from './generation.ts';
import type { GenerationEnd, GenerationOptions, KeptSocket } from './generation.ts';
import type { PortTraffic } from '../engine/messages.ts';
import type { HeldListener, HeldPorts } from './held-ports.ts';
import type { Enclosure } from './isolation.ts';
import { sumTraffic } from './traffic.ts';

/** How long a new version may take until it listens where the last one did, in ms. */
const READY_MS = 10_000;
/** When a version that has no port to listen on counts as running, in ms. */
const SETTLED_MS = 500;
/** How often idle connections of a version that leaves are looked for, in ms. */
const DRAIN_INTERVAL_MS = 250;
/** How long an engine has to leave after its grace, in ms; it may be busy. */
const LEAVE_MS = 2000;

export interface GenerationsOptions extends Pick<
  GenerationOptions,
  'isReplaceable' | 'onOutput' | 'onNotice' | 'onRefused' | 'onPrepared'
> {
  /** A port of the version in charge, or of the one about to be. */
  readonly onListening: GenerationOptions['onListening'];
  /** The version in charge has ended, whatever the reason. */
  readonly onEnd: (end: GenerationEnd) => void;
}

export interface ReplaceRequest {
  readonly definition: SandboxDefinition;
  readonly mode: ReplaceMode;
  /** How long connections in flight may take to finish, in ms. */
  readonly graceMs: number;
  /** Gives the new version up. */
  readonly signal?: AbortSignal;
}

export class Generations implements AsyncDisposable {
  readonly #options: GenerationsOptions;
  readonly #all = new Set<Generation>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #kept = new Map<string, KeptSocket[]>();
  #enclosure: Enclosure | undefined;
  #ports: HeldPorts | undefined;
  #current: Generation | undefined;
  readonly #retired = new WeakSet<Generation>();
  #count = 0;
  /** Of versions that are gone. */
  #pastTraffic: readonly PortTraffic[] = [];

  constructor(options: GenerationsOptions) {
    this.#options = options;
  }

  /** The version in charge; it may have ended. */
  get current(): Generation {
    if (this.#current === undefined) throw new Error('no engine has been started');
    return this.#current;
  }

  /** Spawns the first engine; nothing of the guest runs until its {@link Generation.go}. */
  launchFirst(definition: SandboxDefinition, enclosure: Enclosure, ports: HeldPorts): Generation {
    this.#enclosure = enclosure;
    this.#ports = ports;
    const first = this.#launch(definition);
    this.#takeOver(first);
    return first;
  }

  /** Carries datagrams to the version in charge. */
  async relay(): Promise<void> {
    for (const generation of this.#all) if (generation !== this.#current) generation.takeNoDatagrams();
    await this.current.relay();
  }

  /**
   * Puts a new version in the place of the one in charge.
   * @throws {WasmrunError} where it did not become ready; with `overlap` the old one is still in charge then
   */
  async replace({ definition, mode, graceMs, signal }: ReplaceRequest): Promise<Generation> {
    const old = this.current;
    const wanted = this.#forwardedPorts(old);
    const next = this.#launch(definition);
    const abort = (): void => next.kill();
    signal?.addEventListener('abort', abort);
    try {
      await next.prepared;
      if (mode === 'restart') await this.#retire(old, graceMs);
      next.go();
      await this.#isReady(next, wanted);
    } catch (error) {
      await this.#forget(next);
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    this.#takeOver(next);
    await this.relay();
    const leaving = this.#retire(old, graceMs).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    return next;
  }

  /** One more host port leads to the version in charge, and to all after it. */
  attach(listeners: readonly HeldListener[]): void {
    for (const listener of listeners) this.current.attach(listener);
  }

  /** @param cut - connections that were accepted from them end; else they go on */
  detach(listeners: readonly HeldListener[], cut: boolean): void {
    for (const generation of this.#all) for (const listener of listeners) generation.detach(listener, cut);
  }

  /** Process ids of the engines that have connections. */
  get engines(): readonly number[] {
    return [...this.#all].flatMap(({ isOver, pid }) => (isOver || pid === undefined ? [] : [pid]));
  }

  /** What went through the forwarded process ports, all versions together. */
  async traffic(): Promise<readonly PortTraffic[]> {
    await Promise.all([...this.#all].map((generation) => generation.traffic()));
    return sumTraffic([this.#pastTraffic, ...[...this.#all].map(({ latestTraffic }) => latestTraffic)]);
  }

  /** Resolves when no version that was replaced is left. */
  async settled(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  stop(signal: number): void {
    for (const generation of this.#all) generation.stop(signal);
  }

  kill(): void {
    for (const generation of this.#all) generation.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all].map((generation) => this.#forget(generation)));
    await this.settled();
    for (const port of this.#kept.keys()) this.#closeKept(port);
  }

  #launch(definition: SandboxDefinition): Generation {
    if (this.#enclosure === undefined || this.#ports === undefined)
      throw new Error('there is no first engine');
    const generation = new Generation({
      ...this.#options,
      number: (this.#count += 1),
      definition,
      enclosure: this.#enclosure,
      ports: this.#ports,
      inherited: [...this.#kept.values()].flat(),
      onKept: (port, sockets) => this.#keep(port, sockets),
    });
    this.#all.add(generation);
    return generation;
  }

  #takeOver(generation: Generation): void {
    this.#current = generation;
    void this.#watch(generation);
  }

  async #watch(generation: Generation): Promise<void> {
    const end = await generation.ended;
    // One that was told to leave has not ended by itself, even where nobody is in its place yet.
    if (this.#current === generation && !this.#retired.has(generation)) this.#options.onEnd(end);
  }

  async #isReady(next: Generation, wanted: readonly string[]): Promise<void> {
    using timers = new AbortTimers();
    const ended = next.ended.then((end) => {
      throw failureOf(end);
    });
    ended.catch(() => {});
    if (wanted.length === 0) return await Promise.race([ended, timers.sleep(SETTLED_MS)]);
    const late = timers.sleep(READY_MS).then(() => {
      const missing = wanted.filter((port) => !next.listening.has(port));
      throw new WasmrunError(
        'NOT_READY',
        `the new version does not listen on port ${missing.join(', ')} after ${READY_MS / 1000} s`,
      );
    });
    late.catch(() => {});
    return await Promise.race([ended, late, next.listensOn(wanted)]);
  }

  /** Ports that a new version has to listen on: those the old one did, as far as forwards lead there. */
  #forwardedPorts({ listening }: Generation): string[] {
    const forwards = this.#ports?.forwards ?? [];
    const ports = new Set(forwards.map(({ processPort, protocol }) => formatPort(processPort, protocol)));
    return [...ports].filter((port) => listening.has(port));
  }

  /** Lets a version finish what it is doing, and ends it. */
  async #retire(generation: Generation, graceMs: number): Promise<void> {
    this.#retired.add(generation);
    const sweep = setInterval(() => generation.drain(), DRAIN_INTERVAL_MS);
    const finish = setTimeout(() => generation.finish(), graceMs);
    const kill = setTimeout(() => generation.kill(), graceMs + LEAVE_MS);
    generation.drain();
    await generation.ended.catch(() => {});
    clearInterval(sweep);
    clearTimeout(finish);
    clearTimeout(kill);
    await this.#forget(generation);
  }

  async #forget(generation: Generation): Promise<void> {
    await generation[Symbol.asyncDispose]();
    if (!this.#all.delete(generation)) return;
    this.#pastTraffic = sumTraffic([this.#pastTraffic, generation.latestTraffic]);
  }

  /** The newest descriptors of a port stand for the same sockets as the older ones. */
  #keep(port: string, sockets: readonly KeptSocket[]): void {
    this.#closeKept(port);
    this.#kept.set(port, [...sockets]);
  }

  #closeKept(port: string): void {
    for (const { fd } of this.#kept.get(port) ?? []) closeSync(fd);
    this.#kept.delete(port);
  }
}

/** Timers that all end together. */
class AbortTimers implements Disposable {
  readonly #controller = new AbortController();

  async sleep(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#controller.signal });
  }

  [Symbol.dispose](): void {
    this.#controller.abort();
  }
}
