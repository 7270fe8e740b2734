'use strict';
/** Clocks, events, streams and channels of the web and of Node. */
const { once, EventEmitter } = require('node:events');
const diagnostics = require('node:diagnostics_channel');
const {
  performance,
  PerformanceObserver,
  createHistogram,
  monitorEventLoopDelay,
} = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');
const workers = require('node:worker_threads');
const { inspect } = require('node:util');
const { tell, attempt, attemptLater } = require('./tell.cjs');

const failure = ({ name, message, code }) => ({ name, message, code });

const clocks = async () => {
  const start = performance.now();
  await sleep(20);
  const passed = performance.now() - start;
  tell('now', [passed >= 19, passed < 10_000, start > 0]);
  tell('origin', Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 1000);
  tell('json', Object.keys(performance.toJSON()).sort());
  performance.mark('a', { detail: { x: 1 } });
  performance.mark('b');
  const measure = performance.measure('a to b', 'a', 'b');
  tell('measure', [
    measure.name,
    measure.entryType,
    measure.duration >= 0,
    performance.getEntriesByName('a')[0].detail,
  ]);
  tell(
    'entries',
    performance.getEntriesByType('mark').map(({ name }) => name),
  );
  performance.clearMarks();
  tell('cleared', performance.getEntriesByType('mark').length);
  const observed = new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      observer.disconnect();
      resolve(list.getEntries().map(({ name, entryType }) => [name, entryType]));
    });
    observer.observe({ entryTypes: ['mark', 'measure'] });
  });
  performance.mark('seen');
  tell('observed', await observed);
  tell('timerify', performance.timerify((a, b) => a + b)(1, 2));
  tell('utilization', Object.keys(performance.eventLoopUtilization()));
  tell('timing', typeof performance.nodeTiming.bootstrapComplete);
};

const histograms = async () => {
  const histogram = createHistogram();
  for (const each of [1, 2, 3, 100]) histogram.record(each);
  tell('histogram', [
    histogram.min,
    histogram.max,
    histogram.mean,
    histogram.count,
    histogram.percentile(50),
    histogram.exceeds,
  ]);
  histogram.recordDelta();
  histogram.reset();
  tell('reset', histogram.count);
  attempt('no number', () => histogram.record(0));
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await sleep(60);
  delay.disable();
  tell('delay', [delay.count > 0, delay.max >= delay.min, delay.percentile(99) > 0]);
};

const events = async () => {
  const target = new EventTarget();
  const seen = [];
  target.addEventListener('x', (event) => seen.push([event.type, event.detail]), { once: true });
  target.dispatchEvent(new CustomEvent('x', { detail: 1 }));
  target.dispatchEvent(new CustomEvent('x', { detail: 2 }));
  tell('events', seen);
  const abort = AbortSignal.any([AbortSignal.timeout(10), new AbortController().signal]);
  // Nothing else keeps the program alive.
  const alive = setInterval(() => {}, 1000);
  await once(abort, 'abort');
  tell('timeout', failure(abort.reason));
  attempt('aborted', () => AbortSignal.abort().throwIfAborted());
  await attemptLater('cancelled timer', () => sleep(1000, undefined, { signal: AbortSignal.timeout(5) }));
  clearInterval(alive);
  const emitter = new EventEmitter();
  setImmediate(() => emitter.emit('y', 1, 2));
  tell('once', await once(emitter, 'y'));
  const channel = diagnostics.channel('mine');
  channel.subscribe((message, name) => tell('diagnostics', [message, name]));
  channel.publish({ hello: true });
  tell('subscribers', [channel.hasSubscribers, diagnostics.hasSubscribers('other')]);
  const tracing = diagnostics.tracingChannel('traced');
  tracing.subscribe({ start: () => tell('traced', 'start'), end: () => tell('traced', 'end') });
  tell(
    'trace',
    tracing.traceSync(() => 5, {}),
  );
};

const streams = async () => {
  const { readable, writable } = new TransformStream({
    transform: (part, controller) => controller.enqueue(part.toUpperCase()),
  });
  const writer = writable.getWriter();
  void writer.write('part').then(() => writer.close());
  const parts = [];
  for await (const part of readable) parts.push(part);
  tell('transformed', parts);
  const packed = new Response(
    new Blob(['x'.repeat(1000)]).stream().pipeThrough(new CompressionStream('gzip')),
  );
  const bytes = await packed.bytes();
  tell('packed', [
    bytes.length < 100,
    (await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text())
      .length,
  ]);
  const texts = [];
  for await (const text of new Blob(['dé']).stream().pipeThrough(new TextDecoderStream())) texts.push(text);
  tell('decoded', texts);
  const file = new File(['a', new Uint8Array([98]), new Blob(['c'])], 'n.txt', {
    type: 'Text/Plain',
    lastModified: 5,
  });
  tell('file', [
    file.name,
    file.size,
    file.type,
    file.lastModified,
    await file.text(),
    inspect(new Blob(['x'])),
  ]);
  tell('slice', await new Blob(['hello ', 'world']).slice(-5, -1).text());
  const url = URL.createObjectURL(new Blob(['stored']));
  const { resolveObjectURL } = require('node:buffer');
  tell('stored', [url.startsWith('blob:nodedata:'), await resolveObjectURL(url).text()]);
  URL.revokeObjectURL(url);
  tell('revoked', resolveObjectURL(url));
};

const threads = () => {
  const { isMainThread, threadId, parentPort, workerData, resourceLimits } = workers;
  tell('threads', { isMainThread, threadId, parentPort, workerData, resourceLimits });
  workers.setEnvironmentData('a', 1);
  tell('environment', workers.getEnvironmentData('a'));
  const timer = setTimeout(() => {}, 10);
  const info = process.getActiveResourcesInfo();
  tell('resources', info.filter((each) => each === 'Timeout').length);
  clearTimeout(timer);
};

const main = async () => {
  await clocks();
  await histograms();
  await events();
  await streams();
  threads();
};

void main();
