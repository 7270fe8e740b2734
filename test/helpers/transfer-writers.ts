/** Clients that write all the time and remember what has been acknowledged, and what has to be there of it afterwards. */
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import { PostgresClient } from './postgres-client.ts';

const ACCOUNTS = 10;
const OPENING_BALANCE = 1000;
const WRITERS = 4;
/** How long after the kill a client may not know yet, in ms. */
const GRACE_MS = 2000;
/** Between checkpoints. */
const LONGEST_PAUSE_MS = 500;

/** What one round has left. */
export interface RoundRecord {
  readonly round: number;
  /** Numbers of transactions whose COMMIT was answered, by their writers. */
  readonly acknowledged: readonly ReadonlySet<number>[];
  /** Those that the server has been told to begin. */
  readonly begun: readonly number[];
  /**
   * Clients whom nobody told that the server was gone: what the kernel has to say for a process may come too late, when
   * the way there is taken down already. In production they notice by keepalives (tcp(7)).
   */
  readonly untold: number;
}

export const createTransfers = async (port: number): Promise<void> => {
  using client = await PostgresClient.connect(port);
  const { error } = await client.query(`
    create table accounts(id int primary key, balance int);
    insert into accounts select i, ${OPENING_BALANCE} from generate_series(1, ${ACCOUNTS}) i;
    create table journal(round int, writer int, n int, source int, target int, amount int, filler text,
      primary key (round, writer, n))`);
  expect(error).toBeUndefined();
};

/** Writers of a round, which go on until the server is gone. */
export class TransferWriters {
  readonly #round: number;
  readonly #acknowledged = Array.from({ length: WRITERS }, () => new Set<number>());
  readonly #begun = Array.from({ length: WRITERS }, () => 0);
  readonly #over: Promise<unknown>;
  readonly #clients = new Set<PostgresClient>();
  #isFirst: () => void = () => {};
  /** Every writer has had its first answer. */
  readonly started: Promise<void>;

  constructor(port: number, round: number) {
    this.#round = round;
    this.started = new Promise((resolve) => (this.#isFirst = resolve));
    const writers = this.#begun.map((_, writer) => this.#write(port, writer));
    this.#over = Promise.all([...writers, this.#makeCheckpoints(port)]);
  }

  /** Resolves when the server, which has been killed, is gone for all of them. */
  async ended(): Promise<RoundRecord> {
    await Promise.race([this.#over, setTimeout(GRACE_MS)]);
    const untold = this.#clients.size;
    for (const client of this.#clients) client.socket.destroy();
    await this.#over;
    return { round: this.#round, acknowledged: this.#acknowledged, begun: this.#begun, untold };
  }

  /** A connection, as long as `action` needs it. */
  async #with(port: number, action: (client: PostgresClient) => Promise<void>): Promise<void> {
    using client = await PostgresClient.connect(port);
    this.#clients.add(client);
    await action(client);
    this.#clients.delete(client);
  }

  #write(port: number, writer: number): Promise<void> {
    return this.#with(port, async (client) => {
      for (let n = 1; ; n += 1) {
        this.#begun[writer] = n;
        const isMoved = await moveMoney(client, { round: this.#round, writer, n });
        // Two of them may wait for each other: then one is told so.
        const { error } = await client.query(isMoved ? 'commit' : 'rollback');
        if (error !== undefined) return;
        if (isMoved) this.#acknowledged[writer]!.add(n);
        if (this.#acknowledged.every(({ size }) => size > 0)) this.#isFirst();
      }
    });
  }

  /** Files come and go, and checkpoints with them. */
  #makeCheckpoints(port: number): Promise<void> {
    return this.#with(port, async (client) => {
      for (let error: string | undefined; error === undefined;) {
        await setTimeout(Math.random() * LONGEST_PAUSE_MS);
        ({ error } = await client.query(
          'create table passing as select * from accounts; drop table passing; vacuum accounts; checkpoint',
        ));
      }
    });
  }
}

/** Begins a transaction; whether it is fit to be committed. */
const moveMoney = async (
  client: PostgresClient,
  { round, writer, n }: { readonly round: number; readonly writer: number; readonly n: number },
): Promise<boolean> => {
  const [source, target] = [anyAccount(), anyAccount()];
  const amount = 1 + Math.floor(Math.random() * 9);
  const { error } = await client.query(`begin;
    update accounts set balance = balance - ${amount} where id = ${source};
    update accounts set balance = balance + ${amount} where id = ${target};
    insert into journal values
      (${round}, ${writer}, ${n}, ${source}, ${target}, ${amount}, repeat('x', ${n % 500}))`);
  return error === undefined;
};

const anyAccount = (): number => 1 + Math.floor(Math.random() * ACCOUNTS);

/**
 * Everything acknowledged is there, nothing is there that was not begun, and no transaction is there by half.
 * @param earlier - how many entries each earlier round has left
 * @returns how many this one has
 */
export const checkTransfers = async (
  port: number,
  { round, acknowledged, begun }: RoundRecord,
  earlier: readonly number[],
): Promise<number> => {
  using client = await PostgresClient.connect(port);
  const numbers = async (sql: string): Promise<number[][]> => {
    const { rows, error } = await client.query(sql);
    expect(error).toBeUndefined();
    return rows.map((row) => row.map(Number));
  };
  const entries = await numbers(`select writer, n from journal where round = ${round}`);
  const found = acknowledged.map(() => new Set<number>());
  for (const [writer, n] of entries) found[writer!]!.add(n!);
  for (const [writer, known] of acknowledged.entries()) {
    expect([...known.difference(found[writer]!)]).toEqual([]);
    // The answer to the last one may have been lost.
    for (const n of found[writer]!.difference(known)) expect(n).toBe(begun[writer]);
  }
  const rounds = await numbers(
    `select count(*) from journal where round < ${round} group by round order by round`,
  );
  expect(rounds.flat()).toEqual(earlier.filter((count) => count > 0));
  expect(await numbers('select sum(balance)::int from accounts')).toEqual([[ACCOUNTS * OPENING_BALANCE]]);
  const differences = `select count(*) from accounts a where balance <> ${OPENING_BALANCE}
    + (select coalesce(sum(amount), 0) from journal where target = a.id)
    - (select coalesce(sum(amount), 0) from journal where source = a.id)`;
  expect(await numbers(differences)).toEqual([[0]]);
  return entries.length;
};
