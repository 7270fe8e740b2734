/** Runs the real engine with a stream of datagrams, and plays the supervisor at its other end. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'vitest';
import { FIRST_INHERITED_FD } from '../../src/engine/messages.ts';
import { encodeFrame, FrameReader, RELAYED_ADDRESS } from '../../src/os/datagram-frame.ts';
import { startEngine } from './engine.ts';
import type { EngineOptions, EngineRun } from './engine.ts';

/** The first descriptor after the control channel. */
const CHANNEL_FD = FIRST_INHERITED_FD;

export interface Answer {
  /** Of the client it is for. */
  readonly port: number;
  readonly payload: string;
}

/** The supervisor's end of a stream of datagrams. */
export class Supervisor {
  readonly #stream: Socket;
  readonly #answers: Answer[] = [];
  readonly #reader = new FrameReader(({ ip, port }, payload) => {
    expect(ip).toEqual(RELAYED_ADDRESS);
    this.#answers.push({ port, payload: payload.toString('latin1') });
    this.#stream.emit('answer');
  });

  constructor(stream: Socket) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => expect(this.#reader.push(chunk)).toBe(true));
  }

  send(port: number, payload: string): void {
    this.#stream.write(encodeFrame(RELAYED_ADDRESS, port, Buffer.from(payload, 'latin1')));
  }

  /** Answers that nobody has asked for yet. */
  get waiting(): readonly Answer[] {
    return this.#answers;
  }

  async next(): Promise<Answer> {
    while (this.#answers.length === 0) await once(this.#stream, 'answer');
    return this.#answers.shift()!;
  }

  async ask(port: number, payload: string): Promise<Answer> {
    this.send(port, payload);
    return await this.next();
  }
}

/** An engine whose guest's port is forwarded by one stream. */
export const startWithChannel = async (
  options: EngineOptions & { port: number },
): Promise<{ run: EngineRun; supervisor: Supervisor; stream: Socket }> => {
  const { port, ...engine } = options;
  const channels = [{ fd: CHANNEL_FD, processPort: port }];
  const run = startEngine({ channels, channelCount: 1, ...engine });
  const [stream] = run.streams;
  return { run, supervisor: new Supervisor(stream!), stream: stream! };
};
