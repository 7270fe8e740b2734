/** Kinds of events in the lists of the HTTP parser, each with its operands; see http-parser-host.ts. */

/** Index of the first event in a list. */
export const FIRST_EVENT = 3;

/** No operands. */
export const MESSAGE_BEGIN = 0;
/** version (major × 10 + minor), flags, method, url, headers: the last two are null if already told. */
export const REQUEST_HEAD = 1;
/** version, flags, status code, status message, headers: null if already told. */
export const RESPONSE_HEAD = 2;
/** headers, url: a part of a long head, or the trailers of a message. */
export const HEADERS = 3;
/** start, end: offsets in the chunk that was given to `parserExecute`. */
export const BODY = 4;
/** bytes */
export const BODY_BYTES = 5;
/** No operands. */
export const MESSAGE_COMPLETE = 6;
/** code, reason. The last event of a list. */
export const PARSE_ERROR = 7;
/** No operands: the rest of the chunk waits for `parserContinue`. The last event of a list. */
export const UNFINISHED = 8;

/** Bits of a head's flags. */
export const UPGRADE = 1;
export const KEEP_ALIVE = 2;
