/** `--help` of every command there is. */
import { describe, expect, test } from 'vitest';
import { commandPath, visibleTree } from '../../../src/cli/command-tree.ts';
import { helpOf, newProgram } from '../../../scripts/command-line.ts';

/** A terminal of ordinary size, and a page of it. */
const SCREEN = { columns: 80, rows: 50 };

describe.each(visibleTree(newProgram()).map((command) => [commandPath(command), command] as const))(
  '%s --help',
  (path, command) => {
    const lines = helpOf(command, SCREEN.columns).trimEnd().split('\n');

    test('fits a screen', () => {
      expect(lines.filter((line) => line.length > SCREEN.columns)).toEqual([]);
      expect(lines.length).toBeLessThanOrEqual(SCREEN.rows);
    });

    test('has examples, all of this command', () => {
      const heading = lines.indexOf('Examples:');
      expect(heading).toBeGreaterThan(0);
      const examples = lines.slice(heading + 1).filter((line) => line.startsWith('  $ '));
      expect(examples).not.toEqual([]);
      const isOther = (line: string) => {
        const typed = line.replace(/^ {2}\$ (sudo )?/, '');
        return typed !== path && !typed.startsWith(`${path} `);
      };
      expect(examples.filter(isOther)).toEqual([]);
    });
  },
);
