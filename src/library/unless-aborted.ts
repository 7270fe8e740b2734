/** Waiting that can be given up. */

/**
 * What some work comes to, or the signal's reason thrown where that comes first; the work itself goes on then, and what
 * comes of it is nobody's concern.
 */
export const unlessAborted = async <Result>(
  work: () => Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> => {
  if (signal === undefined) return await work();
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
};
