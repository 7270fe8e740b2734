/* What the library asks thousands of times a second, or QuickJS tells only in C. */
#include "natives.h"

/* classOf(value): a number for what kind of object it is, whatever its prototype; 0 for what is none. */
FUNCTION(class_of) {
  if (count < 1 || JS_TAG_OF(arguments[0]) != JS_TAG_OBJECT) return INT(0);
  return INT(JS_GetClassID(arguments[0]));
}

/* asciiSlice(bytes, start, end): the text there, or undefined where it is not ASCII alone. */
FUNCTION(ascii_slice) {
  unsigned length = 0;
  unsigned char *bytes = JS_GetUint8Array(ctx, &length, arguments[0]);
  unsigned start = (unsigned)arguments[1], end = (unsigned)arguments[2];
  if (bytes == 0 || end > length || start > end) return JS_UNDEFINED;
  for (unsigned at = start; at < end; at += 1) {
    if (bytes[at] & 0x80) return JS_UNDEFINED;
  }
  return JS_NewStringLen(ctx, (const char *)bytes + start, end - start);
}

/* privateSymbol(description): the key of a property that only those see who have it. */
FUNCTION(private_symbol) {
  const char *description = JS_ToCStringLen2(ctx, 0, arguments[0], 0);
  if (description == 0) return JS_EXCEPTION;
  JSValue symbol = JS_NewPrivateSymbol(ctx, description);
  JS_FreeCString(ctx, description);
  return symbol;
}

/* data: a function, and what is called with an error it throws. */
FUNCTION(call_hidden) {
  JSValue result = JS_Call(ctx, data[0], self, count, arguments);
  if (!IS_EXCEPTION(result)) return result;
  JSValue thrown = JS_GetException(ctx);
  JSValue told = JS_Call(ctx, data[1], JS_UNDEFINED, 1, &thrown);
  if (IS_EXCEPTION(told)) {
    JS_FreeValue(ctx, thrown);
    return told;
  }
  JS_FreeValue(ctx, told);
  return JS_Throw(ctx, thrown);
}

/* hideFrames(function, onError): a function that does the same. */
FUNCTION(hide_frames) { return JS_NewCFunctionData(ctx, call_hidden, 0, 0, 2, arguments); }

/* quickjs.c, JSStackFrame: the first fields, and the number of arguments. */
struct frame {
  struct frame *caller;
  JSValue function;
  JSValue *arguments;
  void *variables, *references, *position;
  unsigned short flags, count;
};
/* quickjs.c, JSRuntime: where current_stack_frame is. */
#define CURRENT_FRAME 660

/* argumentOf(function): what the latest call of a native function that has not returned yet has first. */
FUNCTION(argument_of) {
  struct frame *frame = *(struct frame **)((char *)JS_GetRuntime(ctx) + CURRENT_FRAME);
  for (; frame != 0; frame = frame->caller) {
    if (frame->function != arguments[0]) continue;
    return frame->arguments == 0 || frame->count == 0 ? JS_UNDEFINED : JS_DupValue(ctx, frame->arguments[0]);
  }
  return JS_UNDEFINED;
}

JSCFunctionData *const native_functions[] = {
    class_of,
    ascii_slice,
    compile_function,
    compile_script,
    set_module_hooks,
    compile_module,
    synthetic_module,
    set_module_export,
    evaluate_module,
    link_module,
    module_namespace,
    module_meta,
    module_status,
    module_error,
    check_modules,
    ignore_rejection,
    current_frame,
    exchange_frame,
    run_microtasks,
    set_promise_hooks,
    set_rejection_callback,
    private_symbol,
    create_realm,
    use_async_ids,
    use_async_hooks,
    next_async_id,
    trigger_async_id,
    push_async_context,
    pop_async_context,
    emit_before,
    emit_after,
    emit_destroy,
    clear_async_contexts,
    async_context_resource,
    use_tick_info,
    use_ticks,
    next_tick,
    has_ticks,
    run_ticks,
    hide_frames,
    argument_of,
};
