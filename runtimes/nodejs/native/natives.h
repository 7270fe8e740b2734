/* Functions of the guest that are written in C, by number: those of NATIVE_FUNCTIONS in ../engine/guest.ts. */
#ifndef NATIVES_H
#define NATIVES_H

#include "quickjs.h"

#define EXPORT __attribute__((visibility("default")))

#define FUNCTION(name) \
  JSValue name(JSContext *ctx, JSValue self, int count, JSValue *arguments, int magic, JSValue *data)

/* A small number as a value, and back. */
#define INT(value) ((JSValue)(unsigned)(value))
#define INT_OF(value) ((int)(unsigned)(value))

#define IS_EXCEPTION(value) (JS_TAG_OF(value) == JS_TAG_OF(JS_EXCEPTION))
#define BOOLEAN(value) ((1ull << 32) | (unsigned)(value))

FUNCTION(compile_function);
FUNCTION(compile_script);
FUNCTION(create_realm);
FUNCTION(set_module_hooks);
FUNCTION(compile_module);
FUNCTION(synthetic_module);
FUNCTION(set_module_export);
FUNCTION(evaluate_module);
FUNCTION(link_module);
FUNCTION(module_namespace);
FUNCTION(module_meta);
FUNCTION(module_status);
FUNCTION(module_error);
FUNCTION(check_modules);
FUNCTION(ignore_rejection);
FUNCTION(current_frame);
FUNCTION(exchange_frame);
FUNCTION(run_microtasks);
FUNCTION(set_promise_hooks);
FUNCTION(set_rejection_callback);
FUNCTION(use_async_ids);
FUNCTION(use_async_hooks);
FUNCTION(next_async_id);
FUNCTION(trigger_async_id);
FUNCTION(push_async_context);
FUNCTION(pop_async_context);
FUNCTION(emit_before);
FUNCTION(emit_after);
FUNCTION(emit_destroy);
FUNCTION(clear_async_contexts);
FUNCTION(async_context_resource);
FUNCTION(use_tick_info);
FUNCTION(use_ticks);
FUNCTION(next_tick);
FUNCTION(has_ticks);
FUNCTION(run_ticks);

extern JSCFunctionData *const native_functions[];

/* Of async-context.c; not 0 if there is no memory. */
int async_context_init(JSContext *);

#endif
