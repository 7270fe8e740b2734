/** What the system calls of a backend have in common. */
import type { GuestState } from '../../../../src/engine/emscripten/calls.ts';
import type { BackendExports } from '../backend-exports.ts';
import type { Interruption } from '../interruption.ts';
import type { SharedSegments } from '../shared-segments.ts';
import type { Stacks } from '../stacks.ts';

export interface BackendState extends GuestState {
  readonly stacks: Stacks;
  readonly interruption: Interruption;
  readonly env: Readonly<Record<string, string>>;
  /** Dynamic shared memory; another one as soon as the backend has joined the others. */
  segments: SharedSegments;
  readonly exports: () => BackendExports;
}
