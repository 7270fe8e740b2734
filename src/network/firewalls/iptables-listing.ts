/** Reads what iptables-save(8) prints. */

export interface SavedTable {
  /** What chains of the kernel do with a packet no rule decides on: `ACCEPT` or `DROP`. */
  readonly policies: ReadonlyMap<string, string>;
  /** Chains that were made by someone; those the kernel brings have a policy instead. */
  readonly chains: ReadonlySet<string>;
  /** Rules as they were printed: `-A CHAIN …`. */
  readonly rules: readonly string[];
}

/** By name: `filter`, `nat`, `raw`, … */
export type SavedTables = ReadonlyMap<string, SavedTable>;

/** Chains of the kernel have a policy, the others a `-`. */
const CHAIN = /^:(\S+) (\S+)/;

/** A table in which nothing stands. */
export const EMPTY_TABLE: SavedTable = { policies: new Map(), chains: new Set(), rules: [] };

export const readSavedTables = (text: string): SavedTables => {
  const tables = new Map<string, SavedTable>();
  for (const block of text.split(/^\*/m).slice(1)) {
    const [name = '', ...lines] = block.split('\n');
    const declared = lines.flatMap((line) => {
      const [, chain, policy] = CHAIN.exec(line) ?? [];
      return chain === undefined || policy === undefined ? [] : [[chain, policy] as const];
    });
    tables.set(name.trim(), {
      policies: new Map(declared.filter(([, policy]) => policy !== '-')),
      chains: new Set(declared.flatMap(([chain, policy]) => (policy === '-' ? chain : []))),
      rules: lines.filter((line) => line.startsWith('-A ')),
    });
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
