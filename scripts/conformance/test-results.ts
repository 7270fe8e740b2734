/** What became of tests, kept from run to run: a suite of an hour may be stopped and goes on where it was. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { TestOutcome } from './node-tests.ts';

export class TestResults {
  readonly #path: string;
  readonly #outcomes: Map<string, TestOutcome>;

  /** @param path - a JSON file, made when there is something to keep */
  constructor(path: string) {
    this.#path = path;
    const kept = existsSync(path)
      ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, TestOutcome>)
      : {};
    this.#outcomes = new Map(Object.entries(kept));
  }

  of(test: string): TestOutcome | undefined {
    return this.#outcomes.get(test);
  }

  passes(test: string): boolean {
    return this.of(test)?.verdict === 'pass';
  }

  /** Of all tests that something is known of, sorted. */
  names(): string[] {
    return [...this.#outcomes.keys()].toSorted();
  }

  /** Keeps an outcome at once. */
  keep(test: string, outcome: TestOutcome): void {
    this.#outcomes.set(test, outcome);
    mkdirSync(dirname(this.#path), { recursive: true });
    const sorted = [...this.#outcomes].toSorted(([one], [other]) => (one < other ? -1 : 1));
    writeFileSync(`${this.#path}.new`, JSON.stringify(Object.fromEntries(sorted), undefined, 1));
    renameSync(`${this.#path}.new`, this.#path);
  }
}
