/*
 * The bridge between QuickJS and the engine: functions of the engine that the guest can call, and the few calls into
 * QuickJS the engine makes. Values cross by address, so that no 64-bit number has to become a BigInt on the way.
 */
#include "natives.h"
#include "quickjs.h"

/*
 * The engine's side. Writes the result. 1: it is to be thrown. 2: something is thrown already, or else the memory is
 * used up.
 */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("wasmrun_call")))
int wasmrun_call(int function, int count, JSValue *arguments, JSValue *result);

static JSContext *context;
/* The functions of the guest that the engine calls, an object: kept here so that a snapshot has them. */
static JSValue entries = JS_UNDEFINED;

EXPORT int qjs_ext_wasmrun_init(JSContext *ctx, JSRuntime *rt) {
  context = ctx;
  return async_context_init(ctx);
}

static JSValue call_engine(JSContext *ctx, JSValue self, int count, JSValue *arguments, int magic, JSValue *data) {
  JSValue result = JS_UNDEFINED;
  switch (wasmrun_call(magic, count, arguments, &result)) {
    case 0: return result;
    case 1: return JS_Throw(ctx, result);
    default: return JS_HasException(ctx) ? JS_EXCEPTION : JS_ThrowOutOfMemory(ctx);
  }
}

/* QuickJS fills up with undefined what a caller leaves out: nothing reads arguments that are not there. */
#define MOST_ARGUMENTS 4

EXPORT void bridge_function(JSValue *result, int number) {
  *result = JS_NewCFunctionData(context, call_engine, MOST_ARGUMENTS, number, 0, 0);
}

/* One of the functions of natives.h, which need nothing of the engine. */
EXPORT void bridge_native_function(JSValue *result, int number) {
  *result = JS_NewCFunctionData(context, native_functions[number], MOST_ARGUMENTS, 0, 0, 0);
}

EXPORT void bridge_string(JSValue *result, const char *utf8, unsigned length) {
  *result = JS_NewStringLen(context, utf8, length);
}

EXPORT void bridge_string16(JSValue *result, const unsigned short *text, unsigned length) {
  *result = JS_NewStringUTF16(context, text, length);
}

EXPORT void bridge_bytes(JSValue *result, const unsigned char *bytes, unsigned length) {
  *result = JS_NewUint8ArrayCopy(context, bytes, length);
}

static void *resize_bytes(JSRuntime *rt, void *opaque, void *bytes, unsigned size) {
  return js_realloc_rt(rt, bytes, size);
}

/* A Uint8Array for bytes that are yet to be put where it says; 0: there is no memory for it. */
EXPORT unsigned char *bridge_new_bytes(JSValue *result, unsigned length) {
  unsigned char *bytes = js_malloc(context, length == 0 ? 1 : length);
  *result = bytes == 0 ? JS_EXCEPTION : JS_NewUint8Array(context, bytes, length, resize_bytes, 0, 0);
  return JS_TAG_OF(*result) == JS_TAG_OF(JS_EXCEPTION) ? 0 : bytes;
}

/* An Error; takes message and code over. Without code where that is undefined. */
EXPORT void bridge_error(JSValue *result, JSValue *message, JSValue *code) {
  *result = JS_NewPlainError(context, "%s", "");
  if (JS_TAG_OF(*result) == JS_TAG_OF(JS_EXCEPTION)) return;
  JS_DefinePropertyValueStr(context, *result, "message", *message, JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE);
  if (JS_TAG_OF(*code) == JS_TAG_OF(JS_UNDEFINED)) return;
  JS_DefinePropertyValueStr(context, *result, "code", *code,
                            JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE | JS_PROP_ENUMERABLE);
}

EXPORT void bridge_array(JSValue *result) { *result = JS_NewArray(context); }

EXPORT void bridge_object(JSValue *result) { *result = JS_NewObject(context); }

/* Takes the value over, as the two below it do. */
EXPORT int bridge_set_element(JSValue *array, unsigned index, JSValue *value) {
  return JS_SetPropertyUint32(context, *array, index, *value);
}

EXPORT int bridge_set_property(JSValue *object, const char *name, JSValue *value) {
  return JS_SetPropertyStr(context, *object, name, *value);
}

EXPORT void bridge_element(JSValue *result, JSValue *array, unsigned index) {
  *result = JS_GetPropertyUint32(context, *array, index);
}

EXPORT void bridge_property(JSValue *result, JSValue *object, const char *name) {
  *result = JS_GetPropertyStr(context, *object, name);
}

EXPORT int bridge_length(JSValue *array) {
  long long length = 0;
  return JS_GetLength(context, *array, &length) < 0 ? -1 : (int)length;
}

EXPORT void bridge_global(JSValue *result) { *result = JS_GetGlobalObject(context); }

/* The text stays where it is until it is freed. */
EXPORT const char *bridge_text(JSValue *value, unsigned *length) {
  return JS_ToCStringLen2(context, length, *value, 0);
}

EXPORT void bridge_free_text(const char *text) { JS_FreeCString(context, text); }

/* Where the bytes of a Uint8Array are; 0 for all else. */
EXPORT unsigned char *bridge_bytes_of(JSValue *value, unsigned *length) {
  return JS_GetUint8Array(context, length, *value);
}

EXPORT int bridge_typed_array_kind(JSValue *value) { return JS_GetTypedArrayType(*value); }

/* The stack from here on ends at `end`; `size` bytes of it are there to be used. */
EXPORT void bridge_use_stack(unsigned size) {
  JSRuntime *runtime = JS_GetRuntime(context);
  JS_UpdateStackTop(runtime);
  JS_SetMaxStackSize(runtime, size);
}

/* QuickJS looks for cycles when its memory has grown by half, which a limit may not let it. */
EXPORT void bridge_collect_at(unsigned size) {
  JSRuntime *runtime = JS_GetRuntime(context);
  if (JS_GetGCThreshold(runtime) > size) JS_SetGCThreshold(runtime, size);
}

EXPORT void bridge_copy(JSValue *result, JSValue *value) { *result = JS_DupValue(context, *value); }

EXPORT void bridge_free(JSValue *value) { JS_FreeValue(context, *value); }

/* 1: the result is what was thrown. */
static int settle(JSValue *result) {
  if (!IS_EXCEPTION(*result)) return 0;
  *result = JS_GetException(context);
  return 1;
}

EXPORT int bridge_call(JSValue *result, JSValue *function, JSValue *self, int count, JSValue *arguments) {
  *result = JS_Call(context, *function, *self, count, arguments);
  return settle(result);
}

EXPORT int bridge_evaluate(JSValue *result, const char *source, unsigned length, const char *name, int flags) {
  *result = JS_Eval(context, source, length, name, flags);
  return settle(result);
}

EXPORT void bridge_keep_entries(JSValue *object) { entries = JS_DupValue(context, *object); }

EXPORT void bridge_entry(JSValue *result, const char *name) {
  *result = JS_GetPropertyStr(context, entries, name);
}

EXPORT int bridge_is_proxy(JSValue *value) { return JS_IsProxy(*value); }

EXPORT void bridge_proxy_parts(JSValue *target, JSValue *handler, JSValue *proxy) {
  *target = JS_GetProxyTarget(context, *proxy);
  *handler = JS_GetProxyHandler(context, *proxy);
}

/* -1: not a promise; 0 pending, 1 fulfilled, 2 rejected. */
EXPORT int bridge_promise(JSValue *result, JSValue *promise) {
  int state = JS_PromiseState(context, *promise);
  *result = state > 0 ? JS_PromiseResult(context, *promise) : JS_UNDEFINED;
  return state;
}
