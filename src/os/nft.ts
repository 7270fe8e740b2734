/**
 * Speaks to nftables: through libnftables where it is installed (one transaction in about 1 ms),
 * through the `nft` command otherwise (about 15 ms, and 40 ms to load what starts commands).
 */
import { closeSync } from 'node:fs';
import type { LibraryHandle } from 'koffi';
import { koffi } from './koffi.ts';
import { mayAdministerNetwork } from './capability.ts';
import { CommandError, runCommand } from './command.ts';
import { SystemCallError } from './libc.ts';
import { decodeAttributes, decodeMessages, encodeMessage } from './netlink.ts';
import type { ProbeResult } from './probe.ts';
import { AF_NETLINK, openSocket, receiveDatagram, sendDatagram, SOCK_RAW } from './socket.ts';

/** The soname is fixed by the ABI of libnftables(3). */
const LIBRARY = 'libnftables.so.1';
/** `NETLINK_NETFILTER`, linux/netlink.h. */
const NETLINK_NETFILTER = 12;
/** Message types: `NFNL_SUBSYS_NFTABLES` of linux/netfilter/nfnetlink.h, then one of linux/netfilter/nf_tables.h. */
const NFT_MSG_NEWGEN = (10 << 8) | 15;
const NFT_MSG_GETGEN = (10 << 8) | 16;
/** Attribute of the answer, a u32 in network order. */
const NFTA_GEN_ID = 1;
/** `sizeof(struct nfgenmsg)`: family u8, version u8, resource u16; all 0 here. */
const NETFILTER_HEADER = 4;
/** `NLM_F_REQUEST`, linux/netlink.h. */
const NLM_F_REQUEST = 1;

/** nftables refused a script; the message is nft's own, with the place in the script. */
export class NftError extends Error {
  override readonly name = 'NftError';
  /** The script names something that is not there. */
  readonly isMissing: boolean;
  /** The script makes something that is there already. */
  readonly isExisting: boolean;
  /** Somebody else changed the rule set while it was read; nothing has happened. */
  readonly isInterrupted: boolean;

  constructor(message: string) {
    super(message.trim());
    this.isMissing = message.includes('No such file or directory');
    this.isExisting = message.includes('File exists');
    this.isInterrupted = message.includes('Interrupted system call');
  }
}

/** Runs a script in nft's language (nft(8)) as one transaction and returns what it prints. */
export type NftRunner = (script: string) => Promise<string>;

/**
 * A runner bound to the network namespace the calling thread is in at its first use.
 * @param library - soname of libnftables; the command is used where it cannot be loaded
 */
export const createNftRunner = (library: string = LIBRARY): NftRunner => {
  let runner: NftRunner | undefined;
  return async (script) => {
    runner ??= loadLibrary(library) ?? runNftCommand;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await runner(script);
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof NftError && error.isInterrupted)) throw error;
      }
    }
  };
};

/**
 * Before it sends a script, nftables reads what stands. Where somebody changes the rule set in that moment, the
 * kernel says so (NLM_F_DUMP_INTR, "Dump consistency" in the kernel's netlink documentation) and nothing was
 * sent: it has to be asked again. Each attempt meets another change only by chance.
 */
const ATTEMPTS = 20;

/**
 * Runs a script as one transaction: all of it happens or nothing.
 * @throws {NftError} when nftables refuses it
 * @throws {CommandError} when there is neither the library nor the command
 */
export const runNft: NftRunner = createNftRunner();

/** Can nftables be used here? Changes nothing. */
export const probeNft = async (run: NftRunner = runNft): Promise<ProbeResult> => {
  try {
    closeSync(openSocket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
    await run('list tables');
    return { ok: true };
  } catch (error) {
    return refusal(error);
  }
};

/**
 * Number of changes the nftables rule set of this network namespace has seen, by anyone, iptables-nft
 * included; undefined where the kernel does not tell. Asking takes about 20 µs.
 */
export const rulesetGeneration = (): number | undefined => {
  let fd: number | undefined;
  try {
    fd = openSocket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    const payload = Buffer.alloc(NETFILTER_HEADER);
    sendDatagram(fd, encodeMessage({ type: NFT_MSG_GETGEN, flags: NLM_F_REQUEST, sequence: 1, payload }));
    const [answer] = decodeMessages(receiveDatagram(fd, Buffer.alloc(256)));
    if (answer?.type !== NFT_MSG_NEWGEN) return undefined;
    return decodeAttributes(answer.payload.subarray(NETFILTER_HEADER)).get(NFTA_GEN_ID)?.readUInt32BE();
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
};

const refusal = (error: unknown): ProbeResult & { ok: false } => {
  if (error instanceof CommandError && error.missing) {
    return { ok: false, reason: 'nft is not installed', hint: 'apt-get install nftables' };
  }
  if (error instanceof SystemCallError) {
    return { ok: false, reason: `this kernel has no nftables (${error.message})` };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('Operation not permitted')) {
    return { ok: false, reason: 'nftables needs root (CAP_NET_ADMIN)', hint: 'run wasmrun with sudo' };
  }
  return { ok: false, reason: `nft does not work: ${message}` };
};

/** The `nft` command as a runner. */
const runNftCommand: NftRunner = async (script) => {
  try {
    return await runCommand('nft', ['-f', '-'], { input: script });
  } catch (error) {
    if (error instanceof CommandError && !error.missing) throw new NftError(error.stderr || error.message);
    throw error;
  }
};

/** libnftables(3) as a runner, or undefined where it is not installed. */
const loadLibrary = (library: string): NftRunner | undefined => {
  let nft: LibraryHandle;
  try {
    nft = koffi.load(library);
  } catch {
    return undefined;
  }
  // Without netfilter in the kernel the library would end the whole process here (netlink_init_error).
  closeSync(openSocket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
  // The library would print its complaint itself, past everybody.
  if (!mayAdministerNetwork()) return () => Promise.reject(new NftError('Operation not permitted'));
  const context: unknown = nft.func('void *nft_ctx_new(uint32_t flags)')(0);
  nft.func('int nft_ctx_buffer_error(void *context)')(context);
  nft.func('int nft_ctx_buffer_output(void *context)')(context);
  const runBuffer = nft.func('int nft_run_cmd_from_buffer(void *context, const char *script)');
  const errorBuffer = nft.func('const char *nft_ctx_get_error_buffer(void *context)');
  const outputBuffer = nft.func('const char *nft_ctx_get_output_buffer(void *context)');
  return async (script) => {
    const failed = runBuffer(context, script) !== 0;
    // Reading a buffer empties it, so both are read each time.
    const [message, output]: string[] = [errorBuffer(context), outputBuffer(context)];
    if (failed) throw new NftError(message ?? 'nft failed without a message');
    return output ?? '';
  };
};
