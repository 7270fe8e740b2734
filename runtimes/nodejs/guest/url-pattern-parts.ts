/** Components of a `URLPattern` (WHATWG URL Pattern, section 1), in the order in which they are read. */
export const URL_PATTERN_PARTS = [
  'protocol',
  'username',
  'password',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const;

/** Besides these a pattern tells whether it has groups of regular expressions. */
export const URL_PATTERN_GETTERS = [...URL_PATTERN_PARTS, 'hasRegExpGroups'] as const;
