import { randomUUID } from 'node:crypto';

const draft = {
  type: 'object',
  properties: {
    title: { type: 'string', minLength: 1 },
    author: { type: 'string', minLength: 1 },
    year: { type: 'integer', minimum: -3000, maximum: 3000 },
    tags: { type: 'array', items: { type: 'string' }, uniqueItems: true, default: [] },
  },
  required: ['title', 'author'],
  additionalProperties: false,
};

const book = {
  type: 'object',
  properties: { id: { type: 'string', format: 'uuid' }, ...draft.properties },
};

const query = {
  type: 'object',
  properties: { tag: { type: 'string' }, limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 } },
};

/** A plugin of Fastify: everything below /books. */
export async function books(app) {
  const shelf = new Map();

  const find = (request) => {
    const found = shelf.get(request.params.id);
    if (found) return found;
    throw Object.assign(new Error(`there is no book ${request.params.id}`), { statusCode: 404 });
  };

  app.get(
    '/',
    { schema: { querystring: query, response: { 200: { type: 'array', items: book } } } },
    (request) => {
      const { tag, limit } = request.query;
      const all = [...shelf.values()];
      return all.filter(({ tags }) => tag === undefined || tags.includes(tag)).slice(0, limit);
    },
  );

  app.post('/', { schema: { body: draft, response: { 201: book } } }, async (request, reply) => {
    const added = { id: randomUUID(), ...request.body };
    shelf.set(added.id, added);
    reply.code(201).header('location', `/books/${added.id}`);
    return added;
  });

  app.get('/:id', { schema: { response: { 200: book } } }, find);

  app.put('/:id', { schema: { body: draft, response: { 200: book } } }, (request) => {
    const { id } = find(request);
    const changed = { id, ...request.body };
    shelf.set(id, changed);
    return changed;
  });

  app.delete('/:id', async (request, reply) => {
    shelf.delete(find(request).id);
    reply.code(204);
  });
}
