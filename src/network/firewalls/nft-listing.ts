/** Reads what `nft list table` prints, as far as it tells whether rules and elements are there. */

export interface NftListing {
  /** Number of rules by chain. */
  readonly chains: ReadonlyMap<string, number>;
  /** Elements of all sets and maps as nft prints them: `key`, or `key : value`. */
  readonly elements: ReadonlySet<string>;
}

/** nft indents by tabs: chains stand at one, their rules (and the line that hooks them in) at two. */
export const readListing = (text: string): NftListing => {
  const chains = new Map<string, number>();
  for (const [, name = '', body = ''] of text.matchAll(/^\tchain (\S+) \{\n((?:\t\t.*\n)*)/gm)) {
    const lines = body.split('\n').filter(Boolean);
    chains.set(name, lines.filter((line) => !/^\t\t(type|comment) /.test(line)).length);
  }
  const elements = new Set<string>();
  for (const [, list = ''] of text.matchAll(/^\t\telements = \{([^}]*)\}/gm)) {
    for (const element of list.split(',')) elements.add(element.trim());
  }
  return { chains, elements };
};
