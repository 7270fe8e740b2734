/**
 * Texts as QuickJS gives them: UTF-8 in which a half of a surrogate pair stands as if it were a character
 * (https://wtf-8.codeberg.page/). Node's decoder takes that for a mistake.
 */

/** First byte of the halves, and the least second one. */
const LEAD = 0xed;
const SURROGATE = 0xa0;

/** Decodes a text that may have such halves in it. */
export const decodeWtf8 = (bytes: Buffer): string => {
  let text = '';
  let from = 0;
  for (let at = bytes.indexOf(LEAD); at >= 0 && at + 2 < bytes.length; at = bytes.indexOf(LEAD, at + 1)) {
    if (bytes[at + 1]! < SURROGATE) continue;
    const unit = ((LEAD & 0xf) << 12) | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f);
    text += bytes.toString('utf8', from, at) + String.fromCharCode(unit);
    from = at + 3;
  }
  return text + bytes.toString('utf8', from);
};
