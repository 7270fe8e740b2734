/** What PostgreSQL's runner of its tests says is read as it is meant. */
import { expect, test } from 'vitest';
import { regressionFailures, regressionRow } from '../../../scripts/conformance/postgres-report.ts';
import { readDifferences, readVerdicts } from '../../../scripts/conformance/postgres-tests.ts';

const SAID = `# using postmaster on 127.0.0.1, port 5432
ok 1         - test_setup                               1487 ms
# parallel group (2 tests, in groups of 1):  boolean char
ok 2         + boolean                                   135 ms
not ok 3     + char                                       85 ms
not ok 4     - collate.icu.utf8                           85 ms
1..4
# 2 of 4 tests failed.
`;

const DIFFERENCES = `diff -U3 /in/expected/char.out /out/results/char.out
--- /in/expected/char.out	2026-11-23 19:20:46 +0000
+++ /out/results/char.out	2026-11-23 19:21:19 +0000
@@ -205,6 +205,7 @@
     RETURNS bool
+ERROR:  no
-- a comment that is there
- a
--- another one that is not
diff -U3 /in/expected/collate.icu.utf8.out /out/results/collate.icu.utf8.out
--- /in/expected/collate.icu.utf8.out	2026-11-23 19:20:46 +0000
+++ /out/results/collate.icu.utf8.out	2026-11-23 19:21:19 +0000
@@ -1,2 +1,2 @@
-t
+f
`;

test('verdicts', () => {
  expect([...readVerdicts(SAID)]).toEqual([
    ['test_setup', true],
    ['boolean', true],
    ['char', false],
    ['collate.icu.utf8', false],
  ]);
});

test('differences', () => {
  expect([...readDifferences(DIFFERENCES)]).toEqual([
    ['char', ['+ERROR:  no', '-- a comment that is there', '- a', '--- another one that is not']],
    ['collate.icu.utf8', ['-t', '+f']],
  ]);
  expect(readDifferences('').size).toBe(0);
});

test('what differs natively in the same way is told apart', () => {
  const identical = { isIdentical: true, output: '', differences: [] };
  const different = (output: string) => ({
    isIdentical: false,
    output,
    differences: [`-${output}`, `+${output}!`],
  });
  const native = new Map([
    ['one', identical],
    ['two', different('2')],
    ['three', different('3')],
    ['four', identical],
  ]);
  const guest = new Map([
    ['one', identical],
    ['two', different('2')],
    ['three', different('x')],
    ['four', different('4')],
  ]);
  expect(regressionRow('guest', guest, native)).toEqual(['guest', '4', '1', '1', '2', '50.0 %']);
  expect(regressionFailures(guest, native)).toEqual([
    { name: 'two', complaint: 'as natively, 2 lines: +2!' },
    { name: 'three', complaint: '2 lines: +x!' },
    { name: 'four', complaint: '2 lines: +4!' },
  ]);
});
