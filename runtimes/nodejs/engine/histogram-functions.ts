/** Histograms of `node:perf_hooks`: those of the engine's own Node (HdrHistogram) work for the guest by number. */
import type { HostFunction } from './bridge.ts';
import { engineBinding } from './engine-binding.ts';
import { answer } from './native-answers.ts';
import type { NativeObjects } from './native-objects.ts';
import type { Crossing } from './values.ts';

const CLASS = 'Histogram';

type Histogram = Record<string, (...values: unknown[]) => unknown>;

const { Histogram: NativeHistogram } = engineBinding('performance') as unknown as {
  Histogram: new (...values: readonly number[]) => Histogram;
};

const METHODS = new Set(
  (
    'record recordDelta recordCorrected count countBigInt exceeds exceedsBigInt min minBigInt max maxBigInt mean ' +
    'stddev percentile percentileBigInt percentileCI skewness kurtosis cdf countAt ewmaMean ewmaStddev ' +
    'ewmaErrorRate meanCI reset'
  ).split(' '),
);
/** Methods that compare with another histogram, or take it in. */
const WITH_OTHER = new Set('add subtract ksTest welchTest mannWhitneyTest cohensD cliffsD'.split(' '));
/** Methods that fill a map. */
const INTO_MAP = new Set('percentiles percentilesBigInt linearBuckets logBuckets'.split(' '));

/** hdr_histogram.c, hdr_calculate_bucket_config. */
const MOST_FIGURES = 5;

/** Bytes of the counters (hdr_histogram.c, hdr_calculate_bucket_config). */
const sizeOf = (highest: number, figures: number): number => {
  const subBuckets = 2 ** Math.ceil(Math.log2(2 * 10 ** figures));
  const buckets = Math.max(1, Math.ceil(Math.log2(Math.max(2, highest) / subBuckets)) + 1);
  return (buckets + 1) * (subBuckets / 2) * 8;
};

const call = (
  natives: NativeObjects,
  number: number,
  method: string,
  values: readonly unknown[],
): unknown => {
  const histogram = natives.find(number, CLASS) as Histogram | undefined;
  if (histogram === undefined) throw new TypeError('Illegal invocation');
  if (METHODS.has(method)) return histogram[method]!(...values);
  if (WITH_OTHER.has(method)) {
    const [other, ...rest] = values;
    return histogram[method]!(natives.find(other, CLASS), ...rest);
  }
  if (!INTO_MAP.has(method)) throw new TypeError('Illegal invocation');
  const map = new Map<unknown, unknown>();
  // The last parameter of those with others.
  histogram[method]!(...values, map);
  return [...map];
};

export const histogramFunctions = (natives: NativeObjects): Readonly<Record<string, HostFunction>> => ({
  histogramMake: (lowest: number, highest: number, figures: number, halfLife: number, threshold: number) =>
    answer(() => {
      const isSensible = lowest >= 1 && highest >= 2 * lowest && figures >= 1 && figures <= MOST_FIGURES;
      // Node ends the process over anything else; its library has looked at what apps give.
      if (![lowest, highest, figures].every(Number.isSafeInteger) || !isSensible) {
        throw new RangeError('no such histogram');
      }
      const size = sizeOf(highest, figures);
      natives.reserve(size);
      return natives.add(CLASS, new NativeHistogram(lowest, highest, figures, halfLife, threshold), size);
    }),
  histogramCall: (number: number, method: string, ...values: Crossing[]) =>
    answer(() => call(natives, number, method, values)),
});
