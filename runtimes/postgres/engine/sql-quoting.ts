/** Names and texts as parts of a command of SQL (PostgreSQL 18 documentation, 4.1). */

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** With or without a backslash, and whatever `standard_conforming_strings` says. */
export const literal = (text: string): string =>
  `E'${text.replaceAll('\\', String.raw`\\`).replaceAll("'", "''")}'`;
