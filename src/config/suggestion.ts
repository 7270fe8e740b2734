/** Finds what a mistyped word was meant to be. */

/** More edits than this and the word is simply another one. */
const MAX_EDITS = 2;

/** Levenshtein distance, with one row of the table kept (Wagner–Fischer). */
const editDistance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
};

const plain = (text: string) => text.toLowerCase().replaceAll('-', '_');

/** The candidate closest to `word`, if one is close enough to be meant; case and `-`/`_` do not count. */
export const closest = (word: string, candidates: Iterable<string>): string | undefined => {
  let best: { candidate: string; edits: number } | undefined;
  for (const candidate of candidates) {
    const edits = editDistance(plain(word), plain(candidate));
    const limit = Math.min(MAX_EDITS, Math.floor(candidate.length / 3) + 1);
    if (edits <= limit && edits < (best?.edits ?? Infinity)) best = { candidate, edits };
  }
  return best?.candidate;
};
