/** Whether a facility of the system can be used here; asking changes nothing. */
export type ProbeResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** Why not, as a clause: `nft is not installed`. */
      readonly reason: string;
      /** What the user can do about it. */
      readonly hint?: string;
    };
