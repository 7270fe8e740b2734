import type { GuestContext, HostFunctions } from '../guest-context.ts';
export const wasmedgeFunctions = (_context: GuestContext): HostFunctions => ({});
