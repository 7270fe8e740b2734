const { Pool } = require('pg');

const RETRY_MS = 500;

const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  max: 8,
  connectionTimeoutMillis: 5000,
});

// A client that nobody uses has lost its connection: the pool makes another when it needs one.
pool.on('error', (error) => console.log(`notes: ${error.message}`));

let isReady = false;

/** Makes the table as soon as the database answers, whichever of the two was started first. */
async function prepare() {
  try {
    await pool.query(
      `create table if not exists notes (
        id int generated always as identity primary key,
        text text not null check (text <> ''),
        created_at timestamptz not null default now())`,
    );
    isReady = true;
    console.log('notes: the database is there');
  } catch (error) {
    console.log(`notes: waiting for the database: ${error.message}`);
    setTimeout(prepare, RETRY_MS).unref();
  }
}

/** Has the database no answer, for a reason that may pass: SQLSTATE classes 08, 53 and 57, or no connection? */
const isAway = ({ code, message }) =>
  !isReady ||
  /^(08|53|57)|^(ECONN|EPIPE|ENOTFOUND|ETIMEDOUT)/.test(code ?? '') ||
  /^(Connection terminated|timeout exceeded)/.test(message);

module.exports = { pool, prepare, isAway };
