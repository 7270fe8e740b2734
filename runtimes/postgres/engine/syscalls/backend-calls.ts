/** What the system calls of a backend have in common. */
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import type { GuestState } from '../../../../src/engine/emscripten/calls.ts';
import type { BackendExports } from '../backend-exports.ts';
import type { Interruption } from '../interruption.ts';
import type { Preemption } from '../preemption.ts';
import type { RelationFiles } from '../relation-files.ts';
import type { SharedSegments } from '../shared-segments.ts';
import type { Stacks } from '../stacks.ts';

export interface BackendState extends GuestState {
  readonly stacks: Stacks;
  readonly interruption: Interruption;
  readonly preemption: Preemption;
  /** Those of setitimer(2) that run, by their kind. */
  readonly timers: Map<number, Disposable>;
  /** Lengths of what is mapped, by addresses. */
  readonly mapped: Map<number, number>;
  readonly env: Readonly<Record<string, string>>;
  readonly relations: RelationFiles;
  /** What of the files that are open may be written, and its path. */
  readonly writtenPaths: WeakMap<Descriptor, string>;
  /** Dynamic shared memory. */
  readonly segments: SharedSegments;
  readonly exports: () => BackendExports;
}
