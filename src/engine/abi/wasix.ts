import type { GuestContext, HostFunctions } from '../guest-context.ts';
export const WASIX = 'wasix_32v1';
export const wasixFunctions = (_context: GuestContext): HostFunctions => ({});
