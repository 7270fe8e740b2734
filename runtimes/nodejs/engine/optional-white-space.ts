const SPACE = 0x20;
const TAB = 0x09;

/** The text without spaces and tabs at its ends (OWS, RFC 9110, 5.6.3); `trim` would remove more. */
export function trimOptionalWhiteSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (end > 0 && isWhite(text.charCodeAt(end - 1))) end--;
  while (start < end && isWhite(text.charCodeAt(start))) start++;
  return end - start === text.length ? text : text.slice(start, end);
}

const isWhite = (code: number) => code === SPACE || code === TAB;
