/** What the HTTP parser of the guest says when it stops. */
import { MESSAGE_COMPLETE, REQUEST_HEAD, RESPONSE_HEAD } from './http-parser-events.ts';

/** As Node's binding makes it; its library completes the message. */
export const parseError = (parsed: unknown, code: unknown, reason: unknown): Error =>
  Object.assign(new Error('Parse Error'), { bytesParsed: parsed, code, reason });

/** llhttp's words for a callback that failed, by the kind of event it was told of. */
export const failureOf = (kind: unknown): { readonly code: string; readonly reason: string } => {
  if (kind === REQUEST_HEAD || kind === RESPONSE_HEAD) {
    return { code: 'HPE_CB_HEADERS_COMPLETE', reason: 'User callback error' };
  }
  if (kind === MESSAGE_COMPLETE) {
    return { code: 'HPE_CB_MESSAGE_COMPLETE', reason: '`on_message_complete` callback error' };
  }
  return { code: 'HPE_JS_EXCEPTION', reason: 'JS Exception' };
};
