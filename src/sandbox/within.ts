/** Patience with what may not come. */

/**
 * Resolves when `work` does, at the latest after so many ms; then no timer is left. To be used for promises that end
 * soon: one that goes on for as long as a sandbox keeps whoever has ever waited for it.
 */
export const within = async (ms: number, work: Promise<unknown>): Promise<void> => {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms).unref();
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
};
