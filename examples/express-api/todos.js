const { Router } = require('express');

const todos = new Map();
let lastId = 0;

const router = Router();

router.get('/', (request, response) => {
  const { done } = request.query;
  const all = [...todos.values()];
  response.json(done === undefined ? all : all.filter((todo) => String(todo.done) === done));
});

router.post('/', (request, response) => {
  const { title, done = false } = checked(request.body);
  if (title === undefined) throw badRequest('title is missing');
  const todo = { id: ++lastId, title, done, createdAt: new Date().toISOString() };
  todos.set(todo.id, todo);
  response.status(201).location(`/todos/${todo.id}`).json(todo);
});

router.param('id', (request, response, next, id) => {
  request.todo = todos.get(Number(id));
  if (request.todo !== undefined) next();
  else response.status(404).json({ error: `there is no todo ${id}` });
});

router
  .route('/:id')
  .get((request, response) => {
    response.json(request.todo);
  })
  .patch((request, response) => {
    response.json(Object.assign(request.todo, checked(request.body)));
  })
  .delete((request, response) => {
    todos.delete(request.todo.id);
    response.status(204).end();
  });

/** The fields of a todo that a client may set. */
function checked(body) {
  const { title, done } = body ?? {};
  if (title !== undefined && (typeof title !== 'string' || title.trim() === '')) {
    throw badRequest('title must be a text');
  }
  if (done !== undefined && typeof done !== 'boolean') throw badRequest('done must be true or false');
  return { ...(title !== undefined && { title }), ...(done !== undefined && { done }) };
}

function badRequest(message) {
  return Object.assign(new Error(message), { status: 400 });
}

module.exports = { router, count: () => todos.size };
