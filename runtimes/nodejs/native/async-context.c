/*
 * The current AsyncContextFrame, which AsyncLocalStorage keeps its values in, and where V8 would take care of it (there
 * it is called continuation-preserved embedder data): whoever waits for a promise goes on with the frame of the time
 * when they began to, and a job of the queue leaves none behind. Also the hooks of promises that async_hooks has.
 *
 * QuickJS calls the first two functions by the table of ../rewrite/promise-calls.ts. While there is no frame and no
 * hook they cost a comparison.
 */
#include "async-ids.h"

/* The original; JS_EnqueueJob from here is the original as well. */
int perform_promise_then(JSContext *, JSValue promise, JSValue *handlers, JSValue *resolving);

/* How many arguments the kinds of jobs have that matter here (quickjs.c): promise_reaction_job, which has the function
   that resolves the promise its result goes to, and a handler, and which one that is; js_promise_resolve_thenable_job;
   js_microtask_job. */
enum { REACTION_ARGUMENTS = 5, THENABLE_ARGUMENTS = 3, MICROTASK_ARGUMENTS = 1 };
enum { RESOLVE = 0, HANDLER = 2, IS_REJECT = 3 };
/* What such a job has besides when it runs in a context. */
enum { PROMISE, FRAME, JOB, CONTEXT_ARGUMENTS };

/* Stands in for both handlers of a promise. It is never called: they come back when a job is made of one. */
typedef struct {
  JSValue handlers[2];
  /* What the hooks are told of: the promise the handler's result goes to. Undefined without hooks. */
  JSValue promise;
  JSValue frame;
} Reaction;

static JSClassID reaction_class;
static JSValue frame = JS_UNDEFINED;
static JSValue hooks[4] = {JS_UNDEFINED, JS_UNDEFINED, JS_UNDEFINED, JS_UNDEFINED};
static int has_hooks;
/* Of the function that resolves a promise. */
static JSClassID resolving_class;
static JSValue rejection_callback = JS_UNDEFINED;

JSValue current_async_frame(JSContext *ctx) { return JS_DupValue(ctx, frame); }

JSValue change_async_frame(JSValue next) {
  JSValue prior = frame;
  frame = next;
  return prior;
}

static void change_frame(JSContext *ctx, JSValue next) {
  JSValue prior = frame;
  frame = JS_DupValue(ctx, next);
  JS_FreeValue(ctx, prior);
}

static void call_hook(JSContext *ctx, int type, JSValue promise, JSValue parent) {
  if (hooks[type] == JS_UNDEFINED) return;
  JSValue hook = JS_DupValue(ctx, hooks[type]);
  JSValue arguments[] = {promise, parent};
  JSValue result = JS_Call(ctx, hook, JS_UNDEFINED, type == JS_PROMISE_HOOK_INIT ? 2 : 1, arguments);
  /* The guest's hooks report by themselves what they throw. */
  JS_FreeValue(ctx, IS_EXCEPTION(result) ? JS_GetException(ctx) : result);
  JS_FreeValue(ctx, hook);
}

static void on_promise(JSContext *ctx, int type, JSValue promise, JSValue parent, void *opaque) {
  call_hook(ctx, type, promise, parent);
}

/* The promise that a reaction's result goes to. An `await` has none: V8 makes one for the hooks (AwaitPromisesInit in
   runtime-promise.cc). */
static JSValue promise_of_reaction(JSContext *ctx, JSValue awaited, JSValue *resolving) {
  if (JS_TAG_OF(resolving[0]) == JS_TAG_OBJECT) {
    if (JS_GetClassID(resolving[0]) != resolving_class) return JS_UNDEFINED;
    /* quickjs.c: JSPromiseFunctionData begins with the promise. */
    return JS_DupValue(ctx, *(JSValue *)JS_GetOpaque(resolving[0], resolving_class));
  }
  JSValue functions[2];
  JS_SetPromiseHook(JS_GetRuntime(ctx), 0, 0);
  JSValue promise = JS_NewPromiseCapability(ctx, functions);
  JS_SetPromiseHook(JS_GetRuntime(ctx), on_promise, 0);
  if (IS_EXCEPTION(promise)) return promise;
  for (int i = 0; i < 2; i += 1) JS_FreeValue(ctx, functions[i]);
  call_hook(ctx, JS_PROMISE_HOOK_INIT, promise, awaited);
  return promise;
}

static JSValue new_reaction(JSContext *ctx, JSValue awaited, JSValue *handlers, JSValue *resolving) {
  JSValue promise = has_hooks ? promise_of_reaction(ctx, awaited, resolving) : JS_UNDEFINED;
  if (IS_EXCEPTION(promise)) return promise;
  Reaction *reaction = js_malloc(ctx, sizeof *reaction);
  JSValue object = reaction == 0 ? JS_EXCEPTION : JS_NewObjectClass(ctx, reaction_class);
  if (IS_EXCEPTION(object)) {
    js_free(ctx, reaction);
    JS_FreeValue(ctx, promise);
    return JS_EXCEPTION;
  }
  for (int i = 0; i < 2; i += 1) {
    reaction->handlers[i] = JS_IsFunction(ctx, handlers[i]) ? JS_DupValue(ctx, handlers[i]) : JS_UNDEFINED;
  }
  reaction->promise = promise;
  reaction->frame = JS_DupValue(ctx, frame);
  JS_SetOpaque(object, reaction);
  return object;
}

/* Instead of perform_promise_then. */
EXPORT int then_in_context(JSContext *ctx, JSValue promise, JSValue *handlers, JSValue *resolving) {
  if (frame == JS_UNDEFINED && !has_hooks) return perform_promise_then(ctx, promise, handlers, resolving);
  JSValue reaction = new_reaction(ctx, promise, handlers, resolving);
  if (IS_EXCEPTION(reaction)) return -1;
  JSValue both[] = {reaction, reaction};
  int failed = perform_promise_then(ctx, promise, both, resolving);
  JS_FreeValue(ctx, reaction);
  return failed;
}

static JSValue job_in_context(JSContext *ctx, int count, JSValue *arguments) {
  int own = count - CONTEXT_ARGUMENTS;
  JSValue *context = arguments + own;
  int is_told = has_hooks && context[PROMISE] != JS_UNDEFINED;
  change_frame(ctx, context[FRAME]);
  if (is_told) call_hook(ctx, JS_PROMISE_HOOK_BEFORE, context[PROMISE], JS_UNDEFINED);
  JSValue result = ((JSJobFunc *)(unsigned)context[JOB])(ctx, own, arguments);
  /* Of the promise that an `await` has for the hooks QuickJS knows nothing. */
  if (is_told && arguments[RESOLVE] == JS_UNDEFINED) {
    call_hook(ctx, JS_PROMISE_HOOK_RESOLVE, context[PROMISE], JS_UNDEFINED);
  }
  if (is_told) call_hook(ctx, JS_PROMISE_HOOK_AFTER, context[PROMISE], JS_UNDEFINED);
  return result;
}

static int enqueue(JSContext *ctx, JSJobFunc *job, int count, JSValue *arguments, JSValue promise, JSValue in_frame) {
  JSValue all[REACTION_ARGUMENTS + CONTEXT_ARGUMENTS];
  for (int i = 0; i < count; i += 1) all[i] = arguments[i];
  all[count + PROMISE] = promise;
  all[count + FRAME] = in_frame;
  all[count + JOB] = INT((unsigned)job);
  return JS_EnqueueJob(ctx, job_in_context, count + CONTEXT_ARGUMENTS, all);
}

/* Instead of JS_EnqueueJob. */
EXPORT int enqueue_in_context(JSContext *ctx, JSJobFunc *job, int count, JSValue *arguments) {
  if (count == REACTION_ARGUMENTS && JS_TAG_OF(arguments[HANDLER]) == JS_TAG_OBJECT) {
    Reaction *reaction = JS_GetOpaque(arguments[HANDLER], reaction_class);
    if (reaction != 0) {
      JSValue own[REACTION_ARGUMENTS];
      for (int i = 0; i < count; i += 1) own[i] = arguments[i];
      own[HANDLER] = reaction->handlers[(unsigned)arguments[IS_REJECT]];
      return enqueue(ctx, job, count, own, reaction->promise, reaction->frame);
    }
  }
  if ((count == THENABLE_ARGUMENTS || count == MICROTASK_ARGUMENTS) && frame != JS_UNDEFINED) {
    return enqueue(ctx, job, count, arguments, JS_UNDEFINED, frame);
  }
  return JS_EnqueueJob(ctx, job, count, arguments);
}

/* currentFrame() */
FUNCTION(current_frame) { return current_async_frame(ctx); }

/* exchangeFrame(frame): the one before. */
FUNCTION(exchange_frame) {
  return change_async_frame(count < 1 ? JS_UNDEFINED : JS_DupValue(ctx, arguments[0]));
}

/* runMicrotasks(): until no job is left. */
FUNCTION(run_microtasks) {
  JSRuntime *runtime = JS_GetRuntime(ctx);
  while (JS_IsJobPending(runtime)) {
    JSContext *of;
    change_frame(ctx, JS_UNDEFINED);
    if (JS_ExecutePendingJob(runtime, &of) < 0) JS_FreeValue(of, JS_GetException(of));
    change_frame(ctx, JS_UNDEFINED);
  }
  return JS_UNDEFINED;
}

/* setPromiseHooks(init, before, after, settled): functions, or undefined. */
FUNCTION(set_promise_hooks) {
  has_hooks = 0;
  for (int type = 0; type < 4; type += 1) {
    JSValue prior = hooks[type];
    hooks[type] = type < count ? JS_DupValue(ctx, arguments[type]) : JS_UNDEFINED;
    JS_FreeValue(ctx, prior);
    has_hooks |= hooks[type] != JS_UNDEFINED;
  }
  JS_SetPromiseHook(JS_GetRuntime(ctx), has_hooks ? on_promise : 0, 0);
  return JS_UNDEFINED;
}

static void on_rejection(JSContext *ctx, JSValue promise, JSValue reason, int is_handled, void *opaque) {
  JSValue arguments[] = {promise, reason, BOOLEAN(is_handled)};
  JSValue result = JS_Call(ctx, rejection_callback, JS_UNDEFINED, 3, arguments);
  JS_FreeValue(ctx, IS_EXCEPTION(result) ? JS_GetException(ctx) : result);
}

/* setRejectionCallback(callback): called with promise, reason and whether somebody handles it after all, at once. */
FUNCTION(set_rejection_callback) {
  JSValue prior = rejection_callback;
  rejection_callback = JS_DupValue(ctx, arguments[0]);
  JS_FreeValue(ctx, prior);
  JS_SetHostPromiseRejectionTracker(JS_GetRuntime(ctx), on_rejection, 0);
  return JS_UNDEFINED;
}

static void mark_reaction(JSRuntime *runtime, JSValue object, JS_MarkFunc *mark) {
  Reaction *reaction = JS_GetOpaque(object, reaction_class);
  if (reaction == 0) return;
  for (int i = 0; i < 2; i += 1) JS_MarkValue(runtime, reaction->handlers[i], mark);
  JS_MarkValue(runtime, reaction->promise, mark);
  JS_MarkValue(runtime, reaction->frame, mark);
}

static void free_reaction(JSRuntime *runtime, JSValue object) {
  Reaction *reaction = JS_GetOpaque(object, reaction_class);
  if (reaction == 0) return;
  for (int i = 0; i < 2; i += 1) JS_FreeValueRT(runtime, reaction->handlers[i]);
  JS_FreeValueRT(runtime, reaction->promise);
  JS_FreeValueRT(runtime, reaction->frame);
  js_free_rt(runtime, reaction);
}

/* QuickJS takes only functions for handlers. */
static JSValue call_reaction(JSContext *ctx, JSValue self, JSValue of, int count, JSValue *arguments, int flags) {
  return JS_UNDEFINED;
}

int async_context_init(JSContext *ctx) {
  JSRuntime *runtime = JS_GetRuntime(ctx);
  JSClassDef definition = {"Reaction", free_reaction, mark_reaction, call_reaction, 0};
  if (JS_NewClass(runtime, JS_NewClassID(runtime, &reaction_class), &definition) < 0) return -1;
  JSValue functions[2];
  JSValue promise = JS_NewPromiseCapability(ctx, functions);
  if (IS_EXCEPTION(promise)) return -1;
  resolving_class = JS_GetClassID(functions[0]);
  for (int i = 0; i < 2; i += 1) JS_FreeValue(ctx, functions[i]);
  JS_FreeValue(ctx, promise);
  return 0;
}
