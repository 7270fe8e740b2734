/*
 * process.nextTick() and the queue of its calls: nextTick and the inner loop of processTicksAndRejections in
 * lib/internal/process/task_queues.js. An answer to a request of HTTP takes half a dozen ticks.
 */
#include "async-ids.h"

/* A ring; the capacity is a power of two. */
static Tick *queue;
static unsigned capacity, first, waiting;
/* The library's halves: validateFunction; the object of a tick; what tells hooks of it. */
static JSValue validate = JS_UNDEFINED, make_object = JS_UNDEFINED, emit_init = JS_UNDEFINED;
static unsigned char *tick_info;
static int *exit_info;
/* env.h, TickInfo::Fields and ExitInfo fields. */
enum { HAS_TICK_SCHEDULED };
enum { EXITING };

/* useTickInfo(tickInfo, exitInfo): arrays of Node's environment. */
FUNCTION(use_tick_info) {
  if (share_bytes(ctx, &tick_info, arguments[0], sizeof *tick_info) < 0) return JS_EXCEPTION;
  return share_bytes(ctx, &exit_info, arguments[1], sizeof *exit_info) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

/* useTicks(validateFunction, makeObject, emitInit) */
FUNCTION(use_ticks) {
  JSValue *kept[] = {&validate, &make_object, &emit_init};
  for (int i = 0; i < 3; i += 1) {
    JSValue prior = *kept[i];
    *kept[i] = JS_DupValue(ctx, arguments[i]);
    JS_FreeValue(ctx, prior);
  }
  return JS_UNDEFINED;
}

JSValue tick_object(JSContext *ctx, Tick *tick) {
  if (tick->object != JS_UNDEFINED) return JS_DupValue(ctx, tick->object);
  JSValue arguments = JS_UNDEFINED;
  if (tick->count > 0) {
    arguments = JS_NewArray(ctx);
    if (IS_EXCEPTION(arguments)) return arguments;
    for (int i = 0; i < tick->count; i += 1) {
      if (JS_SetPropertyUint32(ctx, arguments, i, JS_DupValue(ctx, tick->arguments[i])) < 0) {
        JS_FreeValue(ctx, arguments);
        return JS_EXCEPTION;
      }
    }
  }
  JSValue values[] = {async_number(tick->id), async_number(tick->trigger), tick->frame, tick->callback, arguments};
  JSValue object = JS_Call(ctx, make_object, JS_UNDEFINED, 5, values);
  JS_FreeValue(ctx, arguments);
  if (!IS_EXCEPTION(object)) tick->object = JS_DupValue(ctx, object);
  return object;
}

static void free_tick(JSContext *ctx, Tick *tick) {
  for (int i = 0; i < tick->count; i += 1) JS_FreeValue(ctx, tick->arguments[i]);
  js_free(ctx, tick->arguments);
  JS_FreeValue(ctx, tick->object);
  JS_FreeValue(ctx, tick->frame);
  JS_FreeValue(ctx, tick->callback);
}

/* Tells hooks of a new tick: type and object are as in Node. */
static int tell_init(JSContext *ctx, Tick *tick) {
  JSValue object = tick_object(ctx, tick);
  if (IS_EXCEPTION(object)) return -1;
  JSValue type = JS_NewStringLen(ctx, "TickObject", 10);
  JSValue values[] = {async_number(tick->id), type, async_number(tick->trigger), object};
  JSValue result = JS_Call(ctx, emit_init, JS_UNDEFINED, 4, values);
  JS_FreeValue(ctx, type);
  JS_FreeValue(ctx, object);
  JS_FreeValue(ctx, result);
  return IS_EXCEPTION(result) ? -1 : 0;
}

/* Makes room for one more. */
static int grow(JSContext *ctx) {
  if (waiting < capacity) return 0;
  unsigned wanted = capacity == 0 ? 64 : capacity * 2;
  Tick *larger = js_malloc(ctx, wanted * sizeof *queue);
  if (larger == 0) return -1;
  for (unsigned i = 0; i < waiting; i += 1) larger[i] = queue[(first + i) & (capacity - 1)];
  js_free(ctx, queue);
  queue = larger;
  capacity = wanted;
  first = 0;
  return 0;
}

static JSValue refused(JSContext *ctx, JSValue callback) {
  JSValue values[] = {callback, JS_NewStringLen(ctx, "callback", 8)};
  JSValue result = JS_Call(ctx, validate, JS_UNDEFINED, 2, values);
  JS_FreeValue(ctx, values[1]);
  return result;
}

/* nextTick(callback, ...values) */
FUNCTION(next_tick) {
  if (count < 1 || !JS_IsFunction(ctx, arguments[0])) return refused(ctx, arguments[0]);
  /* Nothing would run it any more. */
  if (exit_info[EXITING] == 1) return JS_UNDEFINED;
  Tick tick = {.count = count - 1, .object = JS_UNDEFINED};
  if (tick.count > 0) {
    tick.arguments = js_malloc(ctx, tick.count * sizeof *tick.arguments);
    if (tick.arguments == 0) return JS_EXCEPTION;
    for (int i = 0; i < tick.count; i += 1) tick.arguments[i] = JS_DupValue(ctx, arguments[i + 1]);
  }
  tick.callback = JS_DupValue(ctx, arguments[0]);
  tick.frame = current_async_frame(ctx);
  if (waiting == 0) tick_info[HAS_TICK_SCHEDULED] = 1;
  tick.id = new_async_id();
  tick.trigger = default_trigger_id();
  /* The hooks may ask for ticks as well: theirs come before this one. */
  if ((async_fields[INIT] > 0 && tell_init(ctx, &tick) < 0) || grow(ctx) < 0) {
    free_tick(ctx, &tick);
    return JS_EXCEPTION;
  }
  queue[(first + waiting) & (capacity - 1)] = tick;
  waiting += 1;
  return JS_UNDEFINED;
}

/* hasTicks() */
FUNCTION(has_ticks) { return BOOLEAN(waiting > 0); }

static int run(JSContext *ctx, Tick *tick) {
  JSValue prior = change_async_frame(JS_DupValue(ctx, tick->frame));
  int failed = enter_async(ctx, tick->id, tick->trigger, JS_UNDEFINED, tick) < 0 ||
               tell_before(ctx, tick->id, BOOLEAN(0)) < 0;
  if (!failed) {
    JSValue result = JS_Call(ctx, tick->callback, JS_UNDEFINED, tick->count, tick->arguments);
    failed = IS_EXCEPTION(result);
    JS_FreeValue(ctx, result);
    JSValue thrown = failed ? JS_GetException(ctx) : JS_UNDEFINED;
    if (tell_destroy(ctx, tick->id) < 0) JS_FreeValue(ctx, JS_GetException(ctx));
    if (failed) JS_Throw(ctx, thrown);
  }
  if (failed) {
    JS_FreeValue(ctx, prior);
    JSValue thrown = JS_GetException(ctx);
    /* Who takes care of the error may ask what has run; the stack is cleared then. */
    if (forget_tick(ctx, tick) < 0) JS_FreeValue(ctx, JS_GetException(ctx));
    JS_Throw(ctx, thrown);
    return -1;
  }
  failed = tell_after(ctx, tick->id) < 0;
  leave_tick(ctx, tick);
  JS_FreeValue(ctx, change_async_frame(prior));
  return failed ? -1 : 0;
}

/* runTicks(): until none is left; stops at one that throws. */
FUNCTION(run_ticks) {
  while (waiting > 0) {
    Tick tick = queue[first];
    first = (first + 1) & (capacity - 1);
    waiting -= 1;
    int failed = run(ctx, &tick) < 0;
    free_tick(ctx, &tick);
    if (failed) return JS_EXCEPTION;
  }
  return JS_UNDEFINED;
}
