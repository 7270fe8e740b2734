/** Keys that do something while an app is watched, where a person sits at a terminal. */
import { emitKeypressEvents } from 'node:readline';
import type { Log } from '../log.ts';
import { forwardUrls } from '../network/forward-url.ts';
import type { ForwardEvent } from '../sandbox/events.ts';
import type { WatchControls } from '../wasmrun.ts';

export interface KeyboardOptions extends WatchControls {
  readonly log: Log;
  /** Those that are open, the first one first. */
  readonly forwards: readonly ForwardEvent[];
}

interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
}

/** Listens until disposed of; does nothing where standard input or output is no terminal. */
export class Keyboard implements Disposable {
  readonly #options: KeyboardOptions;
  readonly #onKey = (_text: string | undefined, key: Key): void => this.#press(key);
  readonly #isActive: boolean;

  constructor(options: KeyboardOptions) {
    this.#options = options;
    this.#isActive = process.stdin.isTTY && process.stderr.isTTY;
    if (!this.#isActive) return;
    emitKeypressEvents(process.stdin);
    process.stdin.setRawMode(true).on('keypress', this.#onKey).resume();
    options.log.info('press r to restart, o to open, q to quit');
  }

  [Symbol.dispose](): void {
    if (!this.#isActive) return;
    process.stdin.off('keypress', this.#onKey).setRawMode(false).pause();
  }

  #press({ name, ctrl = false }: Key): void {
    const { restart, quit } = this.#options;
    // A terminal in this mode makes no signal of Ctrl-C.
    if (ctrl && name === 'c') process.kill(process.pid, 'SIGINT');
    else if (ctrl) return;
    else if (name === 'q') quit();
    else if (name === 'r') restart();
    else if (name === 'o') void this.#open();
  }

  async #open(): Promise<void> {
    const { forwards, log } = this.#options;
    const first = forwards.find(({ protocol }) => protocol === 'tcp');
    const [url] = first === undefined ? [] : forwardUrls(first);
    if (url === undefined) return log.info('there is no forward to open yet');
    const { execa } = await import('execa');
    const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
    const { failed } = await execa(opener, [url], { reject: false, stdio: 'ignore' });
    if (failed) log.info(`open ${url} in a browser: ${opener} could not`);
  }
}
