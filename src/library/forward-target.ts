/** Which forward is meant, by as much of it as is said. */
import { WasmrunError } from '../errors.ts';
import { formatMapping, formatPort, forwardNotFound } from '../network/forward.ts';
import type { Protocol } from '../os/socket.ts';
import type { ForwardInfo } from '../sandbox/control/sandbox-info.ts';

/** A forward, by its host port; a {@link ForwardInfo} is one. */
export interface ForwardTarget {
  /** 1–65535 */
  readonly hostPort: number;
  /** Absent: `tcp`. */
  readonly protocol?: Protocol | undefined;
  /** Absent: whatever the host port leads to. */
  readonly processPort?: number | undefined;
}

/**
 * The one forward of a sandbox that is meant.
 * @throws {WasmrunError} FORWARD_NOT_FOUND; FORWARD_INVALID where it takes the process port to say which one
 */
export const findForward = (
  sandbox: string,
  forwards: readonly ForwardInfo[],
  { hostPort, protocol = 'tcp', processPort }: ForwardTarget,
): ForwardInfo => {
  const found = forwards.filter(
    (each) =>
      each.hostPort === hostPort &&
      each.protocol === protocol &&
      (processPort === undefined || each.processPort === processPort),
  );
  const [first] = found;
  if (first !== undefined && found.every((each) => each.processPort === first.processPort)) return first;
  const host = formatPort(hostPort, protocol);
  if (first !== undefined) {
    throw new WasmrunError('FORWARD_INVALID', `host port ${host} of ${sandbox} leads to several ports`, {
      hint: `name one of them: ${found.map((each) => `processPort: ${each.processPort}`).join(', ')}`,
    });
  }
  const wanted = processPort === undefined ? host : formatMapping({ hostPort, processPort, protocol });
  throw forwardNotFound(sandbox, wanted, forwards);
};
