/*
 * What the bridge uses of the C interface of QuickJS-NG, as quickjs-wasi exports it to its extensions
 * (https://quickjs-ng.github.io/quickjs/developer-guide/api). On wasm32 a value is 64 bits wide: its tag above, a
 * pointer or number below.
 */
#ifndef QUICKJS_H
#define QUICKJS_H

typedef unsigned long long JSValue;
typedef struct JSContext JSContext;
typedef struct JSRuntime JSRuntime;
typedef unsigned JSClassID;
typedef JSValue JSCFunctionData(JSContext *, JSValue self, int count, JSValue *arguments, int magic, JSValue *data);

#define JS_TAG_OF(value) ((int)((value) >> 32))
#define JS_TAG_OBJECT (-1)
#define JS_UNDEFINED (3ull << 32)
#define JS_EXCEPTION (6ull << 32)
/* Numbers that are no integers have this subtracted from their bits (JS_FLOAT64_TAG_ADDEND). */
#define JS_FLOAT64_OFFSET ((0x7ff80000ull + 9 + 1) << 32)

#define JS_PROP_CONFIGURABLE (1 << 0)
#define JS_PROP_WRITABLE (1 << 1)
#define JS_PROP_ENUMERABLE (1 << 2)

JSValue JS_NewCFunctionData(JSContext *, JSCFunctionData *, int length, int magic, int data_count, JSValue *data);
JSValue JS_NewStringLen(JSContext *, const char *utf8, unsigned length);
JSValue JS_NewStringUTF16(JSContext *, const unsigned short *text, unsigned length);
JSValue JS_NewUint8ArrayCopy(JSContext *, const unsigned char *bytes, unsigned length);
/* Gives back all the bytes where the size is 0. */
typedef void *JSReallocArrayBufferDataFunc(JSRuntime *, void *opaque, void *bytes, unsigned size);
JSValue JS_NewUint8Array(JSContext *, unsigned char *bytes, unsigned length, JSReallocArrayBufferDataFunc *, void *opaque,
                         int is_shared);
JSValue JS_NewPlainError(JSContext *, const char *format, ...);
JSValue JS_ThrowOutOfMemory(JSContext *);
int JS_HasException(JSContext *);
void JS_UpdateStackTop(JSRuntime *);
void JS_SetMaxStackSize(JSRuntime *, unsigned size);
unsigned JS_GetGCThreshold(JSRuntime *);
void JS_SetGCThreshold(JSRuntime *, unsigned size);
JSValue JS_NewArray(JSContext *);
JSValue JS_NewObject(JSContext *);
JSValue JS_DupValue(JSContext *, JSValue);
void JS_FreeValue(JSContext *, JSValue);
JSValue JS_GetGlobalObject(JSContext *);
JSValue JS_GetPropertyUint32(JSContext *, JSValue, unsigned index);
JSValue JS_GetPropertyStr(JSContext *, JSValue, const char *name);
int JS_SetPropertyUint32(JSContext *, JSValue, unsigned index, JSValue);
int JS_SetPropertyStr(JSContext *, JSValue, const char *name, JSValue);
int JS_DefinePropertyValueStr(JSContext *, JSValue, const char *name, JSValue, int flags);
int JS_GetLength(JSContext *, JSValue, long long *length);
const char *JS_ToCStringLen2(JSContext *, unsigned *length, JSValue, int cesu8);
void JS_FreeCString(JSContext *, const char *);
unsigned char *JS_GetUint8Array(JSContext *, unsigned *length, JSValue);
int JS_GetTypedArrayType(JSValue);
int JS_ToFloat64(JSContext *, double *result, JSValue);
JSClassID JS_GetClassID(JSValue);
JSValue JS_GetTypedArrayBuffer(JSContext *, JSValue, unsigned *offset, unsigned *length, unsigned *element_size);
unsigned char *JS_GetArrayBuffer(JSContext *, unsigned *length, JSValue);
JSValue JS_Call(JSContext *, JSValue function, JSValue self, int count, JSValue *arguments);
JSValue JS_Eval(JSContext *, const char *source, unsigned length, const char *filename, int flags);
JSValue JS_GetException(JSContext *);
JSValue JS_Throw(JSContext *, JSValue);
int JS_IsProxy(JSValue);
int JS_PromiseState(JSContext *, JSValue);
JSValue JS_PromiseResult(JSContext *, JSValue);
JSValue JS_GetProxyTarget(JSContext *, JSValue);
JSValue JS_GetProxyHandler(JSContext *, JSValue);
int JS_ExecutePendingJob(JSRuntime *, JSContext **);
int JS_IsJobPending(JSRuntime *);
JSRuntime *JS_GetRuntime(JSContext *);

/* Scripts and modules */

typedef struct JSModuleDef JSModuleDef;
typedef struct JSEvalOptions {
  int version;
  int flags;
  const char *filename;
  int line;
} JSEvalOptions;

#define JS_EVAL_OPTIONS_VERSION 1
#define JS_EVAL_TYPE_MODULE (1 << 0)
#define JS_EVAL_FLAG_COMPILE_ONLY (1 << 5)
#define JS_TAG_MODULE (-3)

typedef char *JSModuleNormalizeFunc2(JSContext *, const char *base, const char *name, JSValue attributes, void *);
typedef JSModuleDef *JSModuleLoaderFunc2(JSContext *, const char *name, void *, JSValue attributes);
typedef int JSModuleInitFunc(JSContext *, JSModuleDef *);

typedef JSValue JSCFunction(JSContext *, JSValue self, int count, JSValue *arguments);

JSContext *JS_NewContext(JSRuntime *);
void JS_FreeContext(JSContext *);
JSValue JS_NewCFunction2(JSContext *, JSCFunction *, const char *name, int length, int kind, int magic);
JSValue JS_NewPrivateSymbol(JSContext *, const char *description);
JSValue JS_Eval2(JSContext *, const char *source, unsigned length, JSEvalOptions *);
JSValue JS_EvalFunction(JSContext *, JSValue bytecode);
void JS_SetModuleLoaderFunc2(JSRuntime *, void *, JSModuleLoaderFunc2 *, void *, void *);
void JS_SetModuleNormalizeFunc2(JSRuntime *, JSModuleNormalizeFunc2 *);
JSModuleDef *JS_NewCModule(JSContext *, const char *name, JSModuleInitFunc *);
int JS_AddModuleExport(JSContext *, JSModuleDef *, const char *name);
int JS_SetModuleExport(JSContext *, JSModuleDef *, const char *name, JSValue);
int JS_SetModulePrivateValue(JSContext *, JSModuleDef *, JSValue);
JSValue JS_GetModulePrivateValue(JSContext *, JSModuleDef *);
JSValue JS_GetModuleNamespace(JSContext *, JSModuleDef *);
JSValue JS_GetImportMeta(JSContext *, JSModuleDef *);
void JS_PromiseMarkAsHandled(JSContext *, JSValue promise);
char *js_strdup(JSContext *, const char *);
void *js_malloc(JSContext *, unsigned size);
void *js_realloc(JSContext *, void *, unsigned size);
void *js_realloc_rt(JSRuntime *, void *, unsigned size);
void *malloc(unsigned size);
void free(void *);
void *memcpy(void *, const void *, unsigned);
unsigned strlen(const char *);

/* Promises, jobs and classes */

typedef JSValue JSJobFunc(JSContext *, int count, JSValue *arguments);
typedef void JS_MarkFunc(JSRuntime *, void *);
typedef void JSPromiseHook(JSContext *, int type, JSValue promise, JSValue parent, void *opaque);
typedef void JSHostPromiseRejectionTracker(JSContext *, JSValue promise, JSValue reason, int is_handled, void *opaque);
typedef struct {
  const char *name;
  void (*finalizer)(JSRuntime *, JSValue);
  void (*mark)(JSRuntime *, JSValue, JS_MarkFunc *);
  JSValue (*call)(JSContext *, JSValue function, JSValue self, int count, JSValue *arguments, int flags);
  void *exotic;
} JSClassDef;
/* JSPromiseHookType */
enum { JS_PROMISE_HOOK_INIT, JS_PROMISE_HOOK_BEFORE, JS_PROMISE_HOOK_AFTER, JS_PROMISE_HOOK_RESOLVE };

JSValue JS_NewPromiseCapability(JSContext *, JSValue *resolving);
void JS_SetPromiseHook(JSRuntime *, JSPromiseHook *, void *opaque);
void JS_SetHostPromiseRejectionTracker(JSRuntime *, JSHostPromiseRejectionTracker *, void *opaque);
int JS_EnqueueJob(JSContext *, JSJobFunc *, int count, JSValue *arguments);
JSClassID JS_NewClassID(JSRuntime *, JSClassID *);
int JS_NewClass(JSRuntime *, JSClassID, const JSClassDef *);
JSValue JS_NewObjectClass(JSContext *, JSClassID);
int JS_SetOpaque(JSValue, void *);
void *JS_GetOpaque(JSValue, JSClassID);
void JS_MarkValue(JSRuntime *, JSValue, JS_MarkFunc *);
void JS_FreeValueRT(JSRuntime *, JSValue);
int JS_IsFunction(JSContext *, JSValue);
void *js_malloc(JSContext *, unsigned size);
void js_free(JSContext *, void *);
void js_free_rt(JSRuntime *, void *);

#endif
