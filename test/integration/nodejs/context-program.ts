/** Random programs that wait, run and remember in contexts of two stores; scripts/context-programs.cjs runs them. */
import fc from 'fast-check';

/** The name of a method there, and its arguments. */
type Step = readonly [kind: string, ...values: readonly unknown[]];
export type ContextProgram = readonly Step[];

const store = fc.nat({ max: 1 });
const signal = fc.nat({ max: 2 });
const value = fc.constantFrom('a', 'b', 'c', 'd');
const awaited = fc.constantFrom(
  'nothing',
  'promise',
  'thenable',
  'late thenable',
  'tick',
  'timeout',
  'immediate',
);
const start = fc.constantFrom('call', 'job', 'tick', 'immediate', 'timeout', 'then', 'finally', 'catch');

const { program } = fc.letrec<{ program: Step[]; step: Step; leaf: Step; nest: Step }>((tie) => ({
  program: fc.array(tie('step'), { minLength: 1, maxLength: 4, size: 'max', depthIdentifier: 'program' }),
  step: fc.oneof({ maxDepth: 4, depthIdentifier: 'program' }, tie('leaf'), tie('nest'), tie('nest')),
  leaf: fc.oneof(
    fc.tuple(fc.constant('awaits'), fc.array(awaited, { minLength: 1, maxLength: 3 })),
    fc.tuple(fc.constant('enters'), store, value),
    fc.tuple(fc.constant('waits'), signal),
    fc.tuple(fc.constant('gives'), signal),
  ),
  nest: fc.oneof(
    fc.tuple(fc.constant('run'), store, value, tie('program')),
    fc.tuple(fc.constant('exit'), store, tie('program')),
    fc.tuple(fc.constant('starts'), start, tie('program')),
    fc.tuple(
      fc.constant('together'),
      fc.constantFrom('all', 'allSettled', 'race', 'any'),
      fc.array(tie('program'), { minLength: 1, maxLength: 3 }),
    ),
    fc.tuple(fc.constant('fails'), tie('program')),
    fc.tuple(fc.constant('iterates'), fc.nat({ max: 2 }), tie('program')),
    fc.tuple(fc.constant('keeps'), store, value, tie('program')),
  ),
}));

export const contextProgram: fc.Arbitrary<ContextProgram> = program;
