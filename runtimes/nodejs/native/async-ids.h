/* What ticks.c and async-ids.c are to each other. */
#ifndef ASYNC_IDS_H
#define ASYNC_IDS_H

#include "natives.h"

/* env.h, AsyncHooks::Fields and UidFields; ../guest/async-ids.ts looks whether that is still so. */
enum { INIT, BEFORE, AFTER, DESTROY, STACK_LENGTH = 7, FIELDS = 9 };
enum { EXECUTION_ID, TRIGGER_ID, ID_COUNTER, DEFAULT_TRIGGER_ID, IDS };

/* A call of process.nextTick(). */
typedef struct {
  double id, trigger;
  JSValue callback;
  /* The AsyncContextFrame of the time. */
  JSValue frame;
  /* The object async_hooks knows it as; undefined as long as nobody has asked for that. */
  JSValue object;
  int count;
  JSValue *arguments;
} Tick;

/* Shared with the library. */
extern unsigned *async_fields;
extern double *async_ids;

/* Puts where the elements of a typed array of at least this size lie into a pointer that has nothing yet. */
int share_bytes(JSContext *, void *pointer, JSValue array, unsigned size);
JSValue async_number(double);
double new_async_id(void);
double default_trigger_id(void);
/* Takes the resource over. Below 0: there is no memory. */
int enter_async(JSContext *, double id, double trigger, JSValue resource, Tick *);
/* Whether there is still one. */
int leave_async(JSContext *);
/* Tell the hooks if there are any; below 0: one threw. */
int tell_before(JSContext *, double id, JSValue is_promise_hook);
int tell_after(JSContext *, double id);
int tell_destroy(JSContext *, double id);
/* The tick is not to be looked at any more, though it may still be said to run. */
int forget_tick(JSContext *, Tick *);
void leave_tick(JSContext *, Tick *);
JSValue tick_object(JSContext *, Tick *);

/* Of async-context.c. Takes the frame over and hands the one before out. */
JSValue change_async_frame(JSValue next);
/* The current one, for whoever wants to keep it. */
JSValue current_async_frame(JSContext *);

#endif
