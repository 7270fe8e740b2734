/**
 * 32-bit FNV-1a (draft-eastlake-fnv) in hexadecimal: tells versions of something apart; node:crypto takes
 * 4 ms to load.
 */
export const fingerprint = (text: string): string => {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
};
