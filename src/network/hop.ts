/** A step of the way that a connection goes from a host port to an app. */

export type HopName =
  | 'sandbox'
  | 'supervisor'
  | 'listener'
  | 'redirection'
  | 'filters'
  | 'namespace'
  | 'interface'
  | 'engine'
  | 'app'
  | 'connections';

export interface Hop {
  readonly name: HopName;
  /** `skipped`: there is nothing of that kind here, or nobody can tell. */
  readonly state: 'ok' | 'broken' | 'skipped';
  /** What was found. */
  readonly sentence: string;
  /** What to do about it; of a broken one only. */
  readonly fix?: string;
}

export const ok = (name: HopName, sentence: string): Hop => ({ name, state: 'ok', sentence });

export const broken = (name: HopName, sentence: string, fix: string): Hop => ({
  name,
  state: 'broken',
  sentence,
  fix,
});

export const skipped = (name: HopName, sentence: string): Hop => ({ name, state: 'skipped', sentence });

/** `1 connection`, `2 connections`. */
export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
