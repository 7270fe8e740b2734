const express = require('express');
const { pool, isAway } = require('./database');

class BadRequest extends Error {
  status = 400;
}

const SORRY = { 500: 'something went wrong', 503: 'the database does not answer' };

const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '100kb' }));

app.get('/health', async (request, response) => {
  const { rows } = await pool.query('select count(*)::int as notes from notes');
  response.json({ status: 'ok', ...rows[0] });
});

app.get('/notes', async (request, response) => {
  const { rows } = await pool.query('select * from notes order by id');
  response.json(rows);
});

app.post('/notes', async (request, response) => {
  const { text } = request.body ?? {};
  if (typeof text !== 'string' || text === '') throw new BadRequest('text is missing');
  const { rows } = await pool.query('insert into notes (text) values ($1) returning *', [text]);
  response.status(201).location(`/notes/${rows[0].id}`).json(rows[0]);
});

app.delete('/notes/:id', async (request, response) => {
  const { rowCount } = await pool.query('delete from notes where id::text = $1', [request.params.id]);
  if (rowCount > 0) response.status(204).end();
  else response.status(404).json({ error: `there is no note ${request.params.id}` });
});

app.use((request, response) => {
  response.status(404).json({ error: `there is no ${request.method} ${request.path}` });
});

// Express knows an error handler by its four parameters.
app.use((error, request, response, _next) => {
  const status = error.status ?? (isAway(error) ? 503 : 500);
  if (status === 500) console.error(error);
  if (status === 503) response.set('retry-after', '1');
  response.status(status).json({ error: status < 500 ? error.message : SORRY[status] });
});

module.exports = app;
