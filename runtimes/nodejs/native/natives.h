/* Functions of the guest that are written in C, by number: those of NATIVE_FUNCTIONS in ../engine/guest.ts. */
#ifndef NATIVES_H
#define NATIVES_H

#include "quickjs.h"

#define FUNCTION(name) \
  JSValue name(JSContext *ctx, JSValue self, int count, JSValue *arguments, int magic, JSValue *data)

/* A small number as a value, and back. */
#define INT(value) ((JSValue)(unsigned)(value))
#define INT_OF(value) ((int)(unsigned)(value))

FUNCTION(compile_function);
FUNCTION(compile_script);

extern JSCFunctionData *const native_functions[];

#endif
