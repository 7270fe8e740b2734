/** A backend wants to end, or has to: thrown through all of its frames. */
export class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    // Every session ends by one, and nobody asks where in PostgreSQL that was.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(`exit ${status}`);
    Error.stackTraceLimit = stackTraceLimit;
    this.status = status;
  }
}
