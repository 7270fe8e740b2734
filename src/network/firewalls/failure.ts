/** Turns what the tools of a firewall complain about into errors a user can act on. */
import { WasmrunError } from '../../errors.ts';
import { CommandError } from '../../os/command.ts';
import type { Redirection } from '../firewall.ts';
import { formatPort } from '../forward.ts';

/**
 * Does one step; its failure names the step.
 * @param packageName - Debian's package of the firewall's commands, for the hint
 * @throws {WasmrunError} PERMISSION_DENIED, NETWORK_SETUP_FAILED, or what the action throws of its own
 */
export const attempt = async <Result>(
  step: string,
  packageName: string,
  action: () => Promise<Result>,
): Promise<Result> => {
  try {
    return await action();
  } catch (error) {
    throw describe(step, packageName, error);
  }
};

/** A name that wasmrun gives its own is taken. */
export const notOurs = (what: string): WasmrunError =>
  new WasmrunError('NETWORK_SETUP_FAILED', `${what} was not made by wasmrun`, {
    hint: 'choose other names with `namespace_prefix` under [network] in .wasmrun.toml',
  });

/** The host ports lead to another sandbox. */
export const alreadyRedirected = (redirections: readonly Redirection[], cause?: unknown): WasmrunError => {
  const ports = [
    ...new Set(redirections.map(({ hostPort, protocol }) => formatPort(hostPort, protocol))),
  ].join(', ');
  return new WasmrunError('PORT_IN_USE', `host port ${ports} is already forwarded to another sandbox`, {
    hint: 'choose another host port, or let wasmrun choose one',
    cause,
  });
};

/** True for the words in which nft, iptables and the kernel refuse an ordinary user. */
const isForbidden = (message: string): boolean => /Operation not permitted|Permission denied/.test(message);

const describe = (step: string, packageName: string, error: unknown): WasmrunError => {
  if (error instanceof WasmrunError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isForbidden(message)) {
    return new WasmrunError('PERMISSION_DENIED', `cannot ${step}: this needs root (CAP_NET_ADMIN)`, {
      hint: 'run wasmrun with sudo',
      cause: error,
    });
  }
  const missing = error instanceof CommandError && error.missing;
  return new WasmrunError('NETWORK_SETUP_FAILED', `cannot ${step}: ${message}`, {
    ...(missing && { hint: `apt-get install ${packageName}` }),
    cause: error,
  });
};
