/* Functions of the guest that are written in C, by number: those of NATIVE_FUNCTIONS in ../engine/guest.ts. */
#ifndef NATIVES_H
#define NATIVES_H

#include "quickjs.h"

#define FUNCTION(name) \
  JSValue name(JSContext *ctx, JSValue self, int count, JSValue *arguments, int magic, JSValue *data)

/* A small number as a value, and back. */
#define INT(value) ((JSValue)(unsigned)(value))
#define INT_OF(value) ((int)(unsigned)(value))

#define BOOLEAN(value) ((1ull << 32) | (unsigned)(value))

FUNCTION(compile_function);
FUNCTION(compile_script);
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

extern JSCFunctionData *const native_functions[];

#endif
