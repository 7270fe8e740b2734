const express = require('express');
const todos = require('./todos');

const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '100kb' }));

app.get('/health', (request, response) => {
  response.json({ status: 'ok', uptime: process.uptime(), todos: todos.count() });
});

app.use('/todos', todos.router);

app.use((request, response) => {
  response.status(404).json({ error: `there is no ${request.method} ${request.path}` });
});

// Express knows an error handler by its four parameters.
app.use((error, request, response, _next) => {
  const status = error.status ?? 500;
  if (status >= 500) console.error(error);
  response.status(status).json({ error: status < 500 ? error.message : 'something went wrong' });
});

module.exports = app;
