const app = require('./app');

const port = process.env.PORT ?? 3000;

const server = app.listen(port, (error) => {
  if (error) throw error;
  console.log(`todos: listening on port ${server.address().port}`);
});

// Finish what is in flight, accept nothing new.
process.on('SIGTERM', () => {
  console.log('todos: closing');
  server.close(() => console.log('todos: closed'));
});
