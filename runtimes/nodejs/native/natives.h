/* Functions of the guest that are written in C, by number: those of NATIVE_FUNCTIONS in ../engine/guest.ts. */
#ifndef NATIVES_H
#define NATIVES_H

#include "quickjs.h"

extern JSCFunctionData *const native_functions[];

#endif
