/** Numbers and names of `internalBinding('http_parser')`, as in src/node_http_parser.cc and llhttp.h. */

export const REQUEST = 1;
export const RESPONSE = 2;

export const ON_MESSAGE_BEGIN = 0;
export const ON_HEADERS = 1;
export const ON_HEADERS_COMPLETE = 2;
export const ON_BODY = 3;
export const ON_MESSAGE_COMPLETE = 4;
export const ON_EXECUTE = 5;

/** By bit. The last is not one of `kLenientAll`. */
const LENIENT =
  'Headers ChunkedLength KeepAlive TransferEncoding Version DataAfterClose OptionalLFAfterCR OptionalCRLFAfterChunk OptionalCRBeforeLF SpacesAfterChunkSize HeaderValueRelaxed';

/** Properties of `HTTPParser` in src/node_http_parser.cc. */
export const CONSTANTS = {
  REQUEST,
  RESPONSE,
  kOnMessageBegin: ON_MESSAGE_BEGIN,
  kOnHeaders: ON_HEADERS,
  kOnHeadersComplete: ON_HEADERS_COMPLETE,
  kOnBody: ON_BODY,
  kOnMessageComplete: ON_MESSAGE_COMPLETE,
  kOnExecute: ON_EXECUTE,
  kOnTimeout: 6,
  kLenientNone: 0,
  kLenientAll: 0x3ff,
  ...Object.fromEntries(LENIENT.split(' ').map((name, bit) => [`kLenient${name}`, 1 << bit])),
};

/** By llhttp's numbers (`HTTP_ALL_METHOD_MAP` in llhttp.h); those from PRI to FLUSH are not HTTP's. */
export const ALL_METHODS =
  'DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK SOURCE PRI DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN GET_PARAMETER SET_PARAMETER REDIRECT RECORD FLUSH QUERY'.split(
    ' ',
  );
