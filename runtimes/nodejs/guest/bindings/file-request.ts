/**
 * The three ways to ask for an operation on files: at once, by a request object whose callback gets the result, or by
 * a promise. The engine does it at once in any case; who did not ask for that is told when the guest is entered next.
 */
import { AsyncWrap } from '../async-context.ts';
import { symbols } from '../constants.ts';
import { defer } from './timers.ts';

export const usePromises = symbols['fs_use_promises_symbol']!;

/** `FSReqCallback` of node_file.h. */
export class FSReqCallback extends AsyncWrap {
  oncomplete?: (...values: never[]) => unknown;
  readonly isBigInt: boolean;

  constructor(isBigInt = false) {
    super('FSREQCALLBACK');
    this.isBigInt = isBigInt;
  }

  /** It is done already; the library ignores the result from here on. */
  cancel(): void {}
}

/** In what way an operation was asked for; undefined or what else is none: at once. */
export type FileRequest = unknown;

type Outcome<Value> = { readonly value: Value } | { readonly error: unknown };

const attempt = <Value>(operation: () => Value): Outcome<Value> => {
  try {
    return { value: operation() };
  } catch (error) {
    return { error };
  }
};

/** Calls back in the context of the request, later. */
export const callBack = (
  request: AsyncWrap,
  callback: (...given: never[]) => unknown,
  ...values: unknown[]
): void => {
  defer(() => request.makeCallback(callback, ...values));
};

/** A promise that is settled later, as an operation of its own (FSReqPromise). */
export const promised = <Value>(operation: () => Value): Promise<Value> => {
  const request = new AsyncWrap('FSREQPROMISE');
  const outcome = attempt(operation);
  return new Promise((resolve, reject) => {
    callBack(request, () => ('error' in outcome ? reject(outcome.error) : resolve(outcome.value)));
  });
};

export const isRequest = (request: FileRequest): boolean =>
  request === usePromises || request instanceof FSReqCallback;

/** Does an operation, which throws where it fails. */
export const perform = <Value>(
  request: FileRequest,
  operation: () => Value,
): Value | Promise<Value> | undefined => {
  if (request === usePromises) return promised(operation);
  if (!(request instanceof FSReqCallback)) return operation();
  const outcome = attempt(operation);
  defer(() => {
    const { oncomplete } = request;
    if ('error' in outcome) request.makeCallback(oncomplete!, outcome.error);
    else if (outcome.value === undefined) request.makeCallback(oncomplete!, null);
    else request.makeCallback(oncomplete!, null, outcome.value);
  });
  return undefined;
};
