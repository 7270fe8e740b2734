const app = require('./app');
const { pool, prepare } = require('./database');

const port = process.env.PORT ?? 3000;

const server = app.listen(port, (error) => {
  if (error) throw error;
  console.log(`notes: listening on port ${server.address().port}`);
  void prepare();
});

// Finish what is in flight, accept nothing new.
process.on('SIGTERM', () => {
  console.log('notes: closing');
  server.close(async () => {
    await pool.end();
    console.log('notes: closed');
  });
});
