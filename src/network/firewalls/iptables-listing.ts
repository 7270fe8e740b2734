/** Reads what iptables-save(8) prints. */

export interface SavedTable {
  /** Chains that were made by someone; those the kernel brings have a policy instead. */
  readonly chains: ReadonlySet<string>;
  /** Rules as they were printed: `-A CHAIN …`. */
  readonly rules: readonly string[];
}

/** By name: `filter`, `nat`, `raw`, … */
export type SavedTables = ReadonlyMap<string, SavedTable>;

/** Chains of the kernel have a policy, the others a `-`. */
const CHAIN = /^:(\S+) - /;

export const readSavedTables = (text: string): SavedTables => {
  const tables = new Map<string, { chains: Set<string>; rules: string[] }>();
  let table: { chains: Set<string>; rules: string[] } | undefined;
  for (const line of text.split('\n')) {
    const chain = CHAIN.exec(line)?.[1];
    if (line.startsWith('*')) tables.set(line.slice(1).trim(), (table = { chains: new Set(), rules: [] }));
    else if (chain !== undefined) table?.chains.add(chain);
    else if (line.startsWith('-A ')) table?.rules.push(line);
  }
  return tables;
};

/** The chain a rule stands in. */
export const chainOf = (rule: string): string => rule.split(' ', 2)[1] ?? '';

/** The chain a rule leads to by jump or goto, if any. */
export const targetOf = (rule: string): string | undefined => / -[jg] (\S+)/.exec(withoutTexts(rule))?.[1];

/** Does the rule say all of this, each an option with its value as iptables-save prints it? */
export const says = (rule: string, ...conditions: readonly string[]): boolean => {
  const text = `${withoutTexts(rule)} `;
  return conditions.every((condition) => text.includes(` ${condition} `));
};

/** What stands in quotes is a comment of someone. */
const withoutTexts = (rule: string): string => rule.replaceAll(/"(\\.|[^"\\])*"/g, '""');
