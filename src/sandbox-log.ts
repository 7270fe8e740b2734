/** What a detached sandbox says: its guest's output, and what happens to it. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SandboxEvent } from './sandbox/events.ts';
import { currentOwner, persistentDirectory } from './sandbox/state-directory.ts';

export interface SandboxLog {
  say(text: string): void;
  event(event: SandboxEvent): void;
}

export const openSandboxLog = (prefix: string, name: string): SandboxLog => {
  const path = join(persistentDirectory(currentOwner()), prefix, 'logs', name, 'log.json');
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const append = (stream: string, text: string): void =>
    appendFileSync(path, `${JSON.stringify({ time: Date.now(), stream, text })}\n`);
  return {
    say: (text) => append('wasmrun', text),
    event: (event) => {
      if (event.type === 'output') append(event.stream, event.text);
      else append('wasmrun', JSON.stringify(event));
    },
  };
};
