/** What the library makes once for each global object (`internal/per_context`). */
export const perContext: Record<string, unknown> = {};
