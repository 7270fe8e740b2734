/*
 * Which asynchronous operation is running: the part of Node's AsyncHooks (src/env.h) that every callback goes through,
 * several times. The library and the bindings share the two arrays; the stack is here.
 */
#include "async-ids.h"

/* The operation that is interrupted by the one above it. */
typedef struct {
  double id, trigger;
  /* Of the one that runs: what executionAsyncResource() answers. Undefined for a tick whose object nobody has seen. */
  JSValue resource;
  Tick *tick;
} Context;

unsigned *async_fields;
double *async_ids;
static Context *contexts;
static unsigned capacity;
/* The library has a copy of it in `async_fields`. */
static unsigned depth;
static JSValue hooks[3] = {JS_UNDEFINED, JS_UNDEFINED, JS_UNDEFINED};
enum { HOOK_BEFORE, HOOK_AFTER, QUEUE_DESTROY };

JSValue async_number(double value) {
  if (value >= 0 && value <= 0x7fffffff && value == (int)value) return INT((int)value);
  union {
    double number;
    unsigned long long bits;
  } both = {.number = value};
  /* NaN has more than one pattern; only the canonical one stays clear of the tags. */
  if (value != value) both.bits = 0x7ff8ull << 48;
  return both.bits - JS_FLOAT64_OFFSET;
}

static int number_of(JSContext *ctx, double *result, JSValue value) {
  if (JS_TAG_OF(value) != 0) return JS_ToFloat64(ctx, result, value);
  *result = INT_OF(value);
  return 0;
}

int share_bytes(JSContext *ctx, void *pointer, JSValue array, unsigned size) {
  unsigned offset, length;
  /* Once: whoever calls this later has not the library's arrays. */
  if (*(void **)pointer != 0) return 0;
  JSValue buffer = JS_GetTypedArrayBuffer(ctx, array, &offset, &length, 0);
  if (IS_EXCEPTION(buffer)) return -1;
  unsigned is_large = length >= size;
  unsigned char *start = JS_GetArrayBuffer(ctx, &length, buffer);
  JS_FreeValue(ctx, buffer);
  if (start == 0 || !is_large) return start == 0 ? -1 : 0;
  /* The array stays for good. */
  JS_DupValue(ctx, array);
  *(void **)pointer = start + offset;
  return 0;
}

/* useAsyncIds(fields, ids) */
FUNCTION(use_async_ids) {
  if (share_bytes(ctx, &async_fields, arguments[0], FIELDS * sizeof *async_fields) < 0) return JS_EXCEPTION;
  return share_bytes(ctx, &async_ids, arguments[1], IDS * sizeof *async_ids) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

/* useAsyncHooks(before, after, queueDestroy): the library's functions that tell hooks. */
FUNCTION(use_async_hooks) {
  for (int i = 0; i < 3; i += 1) {
    JSValue prior = hooks[i];
    hooks[i] = JS_DupValue(ctx, arguments[i]);
    JS_FreeValue(ctx, prior);
  }
  return JS_UNDEFINED;
}

static int call_hook(JSContext *ctx, int hook, double id, JSValue second) {
  JSValue values[] = {async_number(id), second};
  JSValue result = JS_Call(ctx, hooks[hook], JS_UNDEFINED, 2, values);
  JS_FreeValue(ctx, result);
  return IS_EXCEPTION(result) ? -1 : 0;
}

double new_async_id(void) { return async_ids[ID_COUNTER] += 1; }

double default_trigger_id(void) {
  double wanted = async_ids[DEFAULT_TRIGGER_ID];
  return wanted < 0 ? async_ids[EXECUTION_ID] : wanted;
}

int enter_async(JSContext *ctx, double id, double trigger, JSValue resource, Tick *tick) {
  if (depth >= capacity) {
    unsigned wanted = capacity == 0 ? 16 : capacity * 2;
    Context *larger = js_realloc(ctx, contexts, wanted * sizeof *contexts);
    if (larger == 0) {
      JS_FreeValue(ctx, resource);
      return -1;
    }
    contexts = larger;
    capacity = wanted;
  }
  contexts[depth] = (Context){async_ids[EXECUTION_ID], async_ids[TRIGGER_ID], resource, tick};
  depth += 1;
  async_fields[STACK_LENGTH] = depth;
  async_ids[EXECUTION_ID] = id;
  async_ids[TRIGGER_ID] = trigger;
  return 0;
}

int leave_async(JSContext *ctx) {
  /* It was cleared after an uncaught exception. */
  if (depth == 0) return 0;
  depth -= 1;
  Context left = contexts[depth];
  async_ids[EXECUTION_ID] = left.id;
  async_ids[TRIGGER_ID] = left.trigger;
  async_fields[STACK_LENGTH] = depth;
  JS_FreeValue(ctx, left.resource);
  return depth > 0;
}

int tell_before(JSContext *ctx, double id, JSValue is_promise_hook) {
  return async_fields[BEFORE] > 0 ? call_hook(ctx, HOOK_BEFORE, id, is_promise_hook) : 0;
}

int tell_after(JSContext *ctx, double id) {
  return async_fields[AFTER] > 0 ? call_hook(ctx, HOOK_AFTER, id, JS_UNDEFINED) : 0;
}

int tell_destroy(JSContext *ctx, double id) {
  return async_fields[DESTROY] > 0 && id > 0 ? call_hook(ctx, QUEUE_DESTROY, id, JS_UNDEFINED) : 0;
}

/* The object of the tick that runs at this depth, made now if nobody has seen it before. */
static int show_tick(JSContext *ctx, unsigned at) {
  Tick *tick = contexts[at].tick;
  if (tick == 0) return 0;
  contexts[at].tick = 0;
  JSValue object = tick_object(ctx, tick);
  if (IS_EXCEPTION(object)) return -1;
  contexts[at].resource = object;
  return 0;
}

int forget_tick(JSContext *ctx, Tick *tick) {
  for (unsigned above = depth; above > 0; above -= 1) {
    if (contexts[above - 1].tick == tick) return show_tick(ctx, above - 1);
  }
  return 0;
}

void leave_tick(JSContext *ctx, Tick *tick) {
  /* Usually it is the uppermost. */
  if (depth > 0 && contexts[depth - 1].tick != tick && forget_tick(ctx, tick) < 0) {
    JS_FreeValue(ctx, JS_GetException(ctx));
  }
  leave_async(ctx);
}

/* newAsyncId() */
FUNCTION(next_async_id) { return async_number(new_async_id()); }

/* defaultTriggerAsyncId() */
FUNCTION(trigger_async_id) { return async_number(default_trigger_id()); }

static int enter(JSContext *ctx, JSValue *arguments, double *id) {
  double trigger;
  if (number_of(ctx, id, arguments[0]) < 0 || number_of(ctx, &trigger, arguments[1]) < 0) return -1;
  return enter_async(ctx, *id, trigger, JS_DupValue(ctx, arguments[2]), 0);
}

/* pushAsyncContext(id, trigger, resource) */
FUNCTION(push_async_context) {
  double id;
  return enter(ctx, arguments, &id) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

/* popAsyncContext(): whether there is still one. */
FUNCTION(pop_async_context) { return BOOLEAN(leave_async(ctx)); }

/* emitBefore(id, trigger, resource, isPromiseHook) */
FUNCTION(emit_before) {
  double id;
  if (enter(ctx, arguments, &id) < 0) return JS_EXCEPTION;
  JSValue is_promise_hook = count > 3 ? arguments[3] : BOOLEAN(0);
  return tell_before(ctx, id, is_promise_hook) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

/* emitAfter(id) */
FUNCTION(emit_after) {
  double id;
  if (number_of(ctx, &id, arguments[0]) < 0 || tell_after(ctx, id) < 0) return JS_EXCEPTION;
  leave_async(ctx);
  return JS_UNDEFINED;
}

/* emitDestroy(id) */
FUNCTION(emit_destroy) {
  double id;
  if (async_fields[DESTROY] == 0) return JS_UNDEFINED;
  return number_of(ctx, &id, arguments[0]) < 0 || tell_destroy(ctx, id) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

/* clearAsyncContexts(): after an uncaught exception. */
FUNCTION(clear_async_contexts) {
  while (depth > 0) leave_async(ctx);
  async_ids[EXECUTION_ID] = 0;
  async_ids[TRIGGER_ID] = 0;
  return JS_UNDEFINED;
}

/* asyncContextResource(depth) */
FUNCTION(async_context_resource) {
  unsigned at = (unsigned)arguments[0];
  if (JS_TAG_OF(arguments[0]) != 0 || at >= depth) return JS_UNDEFINED;
  return show_tick(ctx, at) < 0 ? JS_EXCEPTION : JS_DupValue(ctx, contexts[at].resource);
}
