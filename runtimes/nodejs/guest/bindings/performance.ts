/** `internalBinding('performance')`: clocks and histograms. */
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { NativeObject, valueOf } from '../native-answers.ts';
import { lazily } from './util.ts';

const nothing = (): undefined => undefined;

/** What a value is to the engine: numbers alone cross. */
const numeric = (value: unknown): unknown => {
  if (value instanceof Histogram) return value.number;
  return typeof value === 'bigint' ? Number(value) : value;
};

class Histogram extends NativeObject {
  constructor(lowest: unknown, highest: unknown, figures: number, halfLife = 0, threshold = 0) {
    super();
    const [low, high] = [Number(lowest), Number(highest)];
    this.obtain(() => valueOf(host.histogramMake(low, high, figures, halfLife, threshold)) as number);
  }

  use(method: string, ...values: readonly unknown[]): unknown {
    return valueOf(host.histogramCall(this.number, method, ...values.map(numeric)));
  }
}

const METHODS =
  'record recordDelta recordCorrected count countBigInt exceeds exceedsBigInt min minBigInt max maxBigInt mean stddev ' +
  'percentile percentileBigInt percentileCI skewness kurtosis cdf countAt ewmaMean ewmaStddev ewmaErrorRate meanCI reset ' +
  'add subtract ksTest welchTest mannWhitneyTest cohensD cliffsD';

for (const name of METHODS.split(' ')) {
  const own = {
    [name](this: Histogram, ...values: unknown[]) {
      return this.use(name, ...values);
    },
  };
  Object.defineProperty(Histogram.prototype, name, { value: own[name], writable: true });
}

for (const name of ['percentiles', 'percentilesBigInt', 'linearBuckets', 'logBuckets']) {
  const own = {
    /** The last of the values is the map. */
    [name](this: Histogram, ...values: unknown[]) {
      const map = values.pop() as Map<unknown, unknown>;
      for (const [key, value] of this.use(name, ...values) as [unknown, unknown][]) map.set(key, value);
    },
  };
  Object.defineProperty(Histogram.prototype, name, { value: own[name], writable: true });
}

/** node_perf.cc: nanoseconds, three figures. */
const LONGEST_DELAY = 3.6e12;
const FIGURES = 3;

/** How late timers are: a measure of how busy the app is. */
class DelayHistogram extends Histogram {
  readonly #resolution: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(resolution: number) {
    super(1, LONGEST_DELAY, FIGURES);
    this.#resolution = resolution;
  }

  start(): void {
    const { setInterval } = lazily.requireLibrary!('timers') as unknown as typeof import('node:timers');
    this.#timer = setInterval(() => this.use('recordDelta'), this.#resolution).unref();
  }

  stop(): void {
    const { clearInterval } = lazily.requireLibrary!('timers') as unknown as typeof import('node:timers');
    clearInterval(this.#timer);
  }
}

const NANOSECONDS_PER_MS = 1e6;
const MICROSECONDS_PER_MS = 1e3;

const shape = shapedBinding('performance');
const constants = shape['constants'] as Record<string, number>;
const milestones = shape['milestones'] as Float64Array;

const reach = (milestone: string, value: number): void => {
  milestones[constants[`NODE_PERFORMANCE_MILESTONE_${milestone}`]!] = value;
};

/** The app starts now, whenever the library was brought up. */
export const startClocks = (): void => {
  const now = host.now();
  milestones.fill(-1);
  reach('TIME_ORIGIN_TIMESTAMP', (Date.now() - now) * MICROSECONDS_PER_MS);
  reach('TIME_ORIGIN', 0);
  for (const name of ['ENVIRONMENT', 'NODE_START', 'V8_START', 'BOOTSTRAP_COMPLETE']) {
    reach(name, now * NANOSECONDS_PER_MS);
  }
};

export const createPerformance = (): Binding => ({
  constants,
  milestones,
  observerCounts: shape['observerCounts'],
  Histogram,
  createELDHistogram: (resolution: number) => new DelayHistogram(resolution),
  now: () => host.now(),
  loopIdleTime: () => 0,
  uvMetricsInfo: nothing,
  markBootstrapComplete: nothing,
  notify: nothing,
  setupObservers: nothing,
  installGarbageCollectionTracking: nothing,
  removeGarbageCollectionTracking: nothing,
});
