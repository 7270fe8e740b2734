/*
 * Modules of QuickJS (ES modules, and synthetic ones whose exports are set by hand), for guest/module-wrap.ts, which
 * knows them by their addresses; they live as long as the guest does. QuickJS looks modules up by name: the guest says
 * which name a request of a module means, and provides the module that is not there yet.
 */
#include "natives.h"

#define TEXT_OF(value) JS_ToCStringLen2(ctx, 0, value, 0)
#define MODULE_OF(value) ((JSModuleDef *)(unsigned long)(unsigned)(value))
#define VALUE_OF(module) (((JSValue)(unsigned)JS_TAG_MODULE << 32) | (unsigned long)(module))

/* Functions of the guest: resolve(name of the module, specifier, attributes) and load(name). */
static JSValue resolve = JS_UNDEFINED;
static JSValue load = JS_UNDEFINED;

static char *resolve_request(JSContext *ctx, const char *base, const char *specifier, JSValue attributes, void *data) {
  JSValue arguments[] = {JS_NewStringLen(ctx, base, strlen(base)), JS_NewStringLen(ctx, specifier, strlen(specifier)),
                         attributes};
  JSValue name = JS_Call(ctx, resolve, JS_UNDEFINED, 3, arguments);
  JS_FreeValue(ctx, arguments[0]);
  JS_FreeValue(ctx, arguments[1]);
  if (IS_EXCEPTION(name)) return 0;
  const char *text = TEXT_OF(name);
  char *copy = text == 0 ? 0 : js_strdup(ctx, text);
  JS_FreeCString(ctx, text);
  JS_FreeValue(ctx, name);
  return copy;
}

static JSModuleDef *load_module(JSContext *ctx, const char *name, void *data, JSValue attributes) {
  JSValue text = JS_NewStringLen(ctx, name, strlen(name));
  JSValue module = JS_Call(ctx, load, JS_UNDEFINED, 1, &text);
  JS_FreeValue(ctx, text);
  return IS_EXCEPTION(module) ? 0 : MODULE_OF(module);
}

/* setModuleHooks(resolve, load) */
FUNCTION(set_module_hooks) {
  JSRuntime *runtime = JS_GetRuntime(ctx);
  resolve = JS_DupValue(ctx, arguments[0]);
  load = JS_DupValue(ctx, arguments[1]);
  JS_SetModuleLoaderFunc2(runtime, 0, load_module, 0, 0);
  JS_SetModuleNormalizeFunc2(runtime, resolve_request);
  return JS_UNDEFINED;
}

static JSValue compile(JSContext *ctx, const char *name, const char *source, unsigned length, int line) {
  JSEvalOptions options = {JS_EVAL_OPTIONS_VERSION, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY, name, line};
  return JS_Eval2(ctx, source, length, &options);
}

/* compileModule(name, source, first line): its address. What it imports is asked for meanwhile. */
FUNCTION(compile_module) {
  unsigned length = 0;
  const char *name = TEXT_OF(arguments[0]);
  const char *source = JS_ToCStringLen2(ctx, &length, arguments[1], 0);
  JSValue module = JS_EXCEPTION;
  if (name != 0 && source != 0) module = compile(ctx, name, source, length, INT_OF(arguments[2]));
  JS_FreeCString(ctx, name);
  JS_FreeCString(ctx, source);
  return IS_EXCEPTION(module) ? module : INT(module);
}

/* The steps of a synthetic module are the function it was made with. */
static int run_steps(JSContext *ctx, JSModuleDef *module) {
  JSValue steps = JS_GetModulePrivateValue(ctx, module);
  JSValue result = JS_Call(ctx, steps, JS_UNDEFINED, 0, 0);
  JS_FreeValue(ctx, steps);
  if (IS_EXCEPTION(result)) return -1;
  JS_FreeValue(ctx, result);
  return 0;
}

/* syntheticModule(name, names of the exports, steps): its address. */
FUNCTION(synthetic_module) {
  const char *name = TEXT_OF(arguments[0]);
  if (name == 0) return JS_EXCEPTION;
  JSModuleDef *module = JS_NewCModule(ctx, name, run_steps);
  JS_FreeCString(ctx, name);
  if (module == 0) return JS_EXCEPTION;
  JS_SetModulePrivateValue(ctx, module, JS_DupValue(ctx, arguments[2]));
  long long length = 0;
  JS_GetLength(ctx, arguments[1], &length);
  for (unsigned index = 0; index < length; index += 1) {
    JSValue each = JS_GetPropertyUint32(ctx, arguments[1], index);
    const char *text = TEXT_OF(each);
    int status = text == 0 ? -1 : JS_AddModuleExport(ctx, module, text);
    JS_FreeCString(ctx, text);
    JS_FreeValue(ctx, each);
    if (status < 0) return JS_EXCEPTION;
  }
  return INT((unsigned long)module);
}

/* setModuleExport(module, name, value); the module has to be linked. */
FUNCTION(set_module_export) {
  const char *name = TEXT_OF(arguments[1]);
  if (name == 0) return JS_EXCEPTION;
  int status = JS_SetModuleExport(ctx, MODULE_OF(arguments[0]), name, JS_DupValue(ctx, arguments[2]));
  JS_FreeCString(ctx, name);
  return INT(status);
}

/* evaluateModule(module): the promise for it. Links it before. */
FUNCTION(evaluate_module) {
  return JS_EvalFunction(ctx, JS_DupValue(ctx, VALUE_OF(MODULE_OF(arguments[0]))));
}

/*
 * linkModule(module of two imports): QuickJS links only what it evaluates, so this one imports a module that throws
 * before the module that is to be linked. The promise is rejected, nobody is to hear of it.
 */
FUNCTION(link_module) {
  JSValue promise = evaluate_module(ctx, self, count, arguments, magic, data);
  if (IS_EXCEPTION(promise)) return promise;
  JS_PromiseMarkAsHandled(ctx, promise);
  JS_FreeValue(ctx, promise);
  return JS_UNDEFINED;
}

FUNCTION(module_namespace) { return JS_GetModuleNamespace(ctx, MODULE_OF(arguments[0])); }

FUNCTION(module_meta) { return JS_GetImportMeta(ctx, MODULE_OF(arguments[0])); }

/* ignoreRejection(promise): it counts as handled. */
FUNCTION(ignore_rejection) {
  JS_PromiseMarkAsHandled(ctx, arguments[0]);
  return JS_UNDEFINED;
}

/*
 * QuickJS does not tell how far a module is, nor what it threw. Where it keeps that: struct JSModuleDef of quickjs.c in
 * QuickJS-NG 0.17, on wasm32. checkModules() says whether this is still so.
 */
#define STATUS_OFFSET 95
#define HAS_ERROR_OFFSET 168
#define ERROR_OFFSET 176
/* enum JSModuleStatus */
#define STATUS_UNLINKED 0
#define STATUS_LINKED 2
#define STATUS_EVALUATED 5

static int status_of(JSModuleDef *module) { return ((unsigned char *)module)[STATUS_OFFSET]; }
static int has_error(JSModuleDef *module) { return ((unsigned char *)module)[HAS_ERROR_OFFSET]; }

/* moduleStatus(module): that of enum JSModuleStatus; one more than the last where it threw. */
FUNCTION(module_status) {
  JSModuleDef *module = MODULE_OF(arguments[0]);
  return INT(has_error(module) ? STATUS_EVALUATED + 1 : status_of(module));
}

/* moduleError(module): what it threw. */
FUNCTION(module_error) {
  JSModuleDef *module = MODULE_OF(arguments[0]);
  return has_error(module) ? JS_DupValue(ctx, *(JSValue *)((char *)module + ERROR_OFFSET)) : JS_UNDEFINED;
}

static int throw_seven(JSContext *ctx, JSModuleDef *module) {
  JS_Throw(ctx, INT(7));
  return -1;
}

/* checkModules(): whether the offsets are those of this QuickJS. */
FUNCTION(check_modules) {
  JSModuleDef *module = JS_NewCModule(ctx, "wasmrun:check", throw_seven);
  if (module == 0) return JS_EXCEPTION;
  JSValue number = INT((unsigned long)module);
  int before = status_of(module) == STATUS_UNLINKED && !has_error(module);
  JSValue linked = link_module(ctx, self, 1, &number, 0, 0);
  int after = status_of(module) == STATUS_EVALUATED && module_error(ctx, self, 1, &number, 0, 0) == INT(7);
  return IS_EXCEPTION(linked) ? linked : BOOLEAN(before && after);
}
