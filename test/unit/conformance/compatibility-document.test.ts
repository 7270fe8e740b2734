import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeSection } from '../../../scripts/conformance/compatibility-document.ts';

const TITLE = 'Tests of somebody';
const DOCUMENT = '# Compatibility\n\nWritten by hand.\n';

/** Adds a reason to the row of a test, as an editor would. */
const explain = (text: string, name: string, reason: string): string =>
  text.replace(new RegExp(`^(\\| \`${name}\` \\|.*\\|) +\\|$`, 'm'), `$1 ${reason} |`);

describe('the document of what is compatible', () => {
  it('gets a new section at its end and leaves the rest alone', () => {
    const failures = [{ name: 'test-a.js', complaint: 'Error: no' }];
    const { text, unexplained } = writeSection(DOCUMENT, { title: TITLE, summary: 'One fails.', failures });
    expect(text.startsWith(DOCUMENT)).toBe(true);
    expect(text).toContain('One fails.');
    expect(text).toContain('| `test-a.js` | `Error: no` |  |');
    expect(unexplained).toEqual(['`test-a.js`']);
  });

  it('keeps reasons of what still fails, drops those of what passes, and doubts those whose failure changed', () => {
    const failures = ['a', 'b', 'c'].map((name) => ({ name: `test-${name}.js`, complaint: 'Error: no' }));
    let { text } = writeSection(DOCUMENT, { title: TITLE, summary: 'first', failures });
    for (const { name } of failures) text = explain(text, name, `why ${name}`);
    const again = writeSection(`${text}\nThe end.\n`, {
      title: TITLE,
      summary: 'second',
      failures: [
        failures[0]!,
        { ...failures[1]!, complaint: 'Error: another' },
        { name: 'test-d.js', complaint: '' },
      ],
    });
    expect(again.text).toContain('| `test-a.js` | `Error: no` | why test-a.js |');
    expect(again.text).toContain('| `test-b.js` | `Error: another` | why test-b.js |');
    expect(again.text).not.toContain('test-c.js');
    expect(again.text).not.toContain('first');
    expect(again.text.endsWith('\nThe end.\n')).toBe(true);
    expect(again.doubtful).toEqual(['`test-b.js`']);
    expect(again.unexplained).toEqual(['`test-d.js`']);
  });

  it('keeps a reason whatever the test is called and says', () => {
    const words = fc.string({
      unit: fc.constantFrom('a', '|', '\\', '`', '$', ' ', '\n', 'é'),
      minLength: 1,
    });
    fc.assert(
      fc.property(words, words, (name, complaint) => {
        const section = { title: TITLE, summary: 'x', failures: [{ name, complaint }] };
        const first = writeSection(DOCUMENT, section);
        const explained = first.text.replace(/ \| {2}\|$/m, ' | because |');
        expect(explained).not.toBe(first.text);
        expect(writeSection(explained, section)).toEqual({ text: explained, unexplained: [], doubtful: [] });
      }),
    );
  });

  it('refuses a section without an end', () => {
    const { text } = writeSection(DOCUMENT, { title: TITLE, summary: 'x', failures: [] });
    const broken = text.replace(`<!-- end of ${TITLE} -->`, '');
    expect(() => writeSection(broken, { title: TITLE, summary: 'y', failures: [] })).toThrow(
      'has no <!-- end',
    );
  });
});
