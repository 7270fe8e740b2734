import Fastify from 'fastify';
import { books } from './books.js';

export function buildApp(options) {
  const app = Fastify(options);

  app.get('/health', () => ({ status: 'ok', uptime: process.uptime() }));
  app.register(books, { prefix: '/books' });

  app.addHook('onClose', async () => app.log.info('closed'));

  return app;
}
