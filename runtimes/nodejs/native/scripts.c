/* Scripts and bodies of functions, compiled so that the positions in errors are those in the file. */
#include "natives.h"

static const char BEFORE_PARAMETERS[] = "(function (";
static const char BEFORE_BODY[] = ") {\n\n";
static const char AFTER_BODY[] = "\n})";

static char *append(char *to, const char *text, unsigned length) {
  memcpy(to, text, length);
  return to + length;
}

#define APPEND_LITERAL(to, literal) append(to, literal, sizeof(literal) - 1)

/* compileFunction(parameters, body, filename, first line of the body): a function, or throws what is wrong. */
FUNCTION(compile_function) {
  unsigned parameters_length = 0, body_length = 0;
  const char *parameters = JS_ToCStringLen2(ctx, &parameters_length, arguments[0], 0);
  const char *body = JS_ToCStringLen2(ctx, &body_length, arguments[1], 0);
  const char *filename = JS_ToCStringLen2(ctx, 0, arguments[2], 0);
  char *source = malloc(sizeof(BEFORE_PARAMETERS) + parameters_length + sizeof(BEFORE_BODY) + body_length +
                        sizeof(AFTER_BODY));
  JSValue result = JS_EXCEPTION;
  if (parameters != 0 && body != 0 && filename != 0 && source != 0) {
    char *end = APPEND_LITERAL(source, BEFORE_PARAMETERS);
    end = append(end, parameters, parameters_length);
    end = APPEND_LITERAL(end, BEFORE_BODY);
    /* The body begins two lines below its parameters; one where these would be in line 0, which QuickJS takes for 1. */
    int line = INT_OF(arguments[3]) - 2;
    if (line == 0) line = 1, end -= 1;
    char *start = end;
    end = append(end, body, body_length);
    /* What a shell reads in the first line is a comment here. */
    if (body_length > 1 && start[0] == '#' && start[1] == '!') start[0] = start[1] = '/';
    end = APPEND_LITERAL(end, AFTER_BODY);
    *end = 0;
    JSEvalOptions options = {JS_EVAL_OPTIONS_VERSION, 0, filename, line};
    result = JS_Eval2(ctx, source, end - source, &options);
  }
  free(source);
  JS_FreeCString(ctx, parameters);
  JS_FreeCString(ctx, body);
  JS_FreeCString(ctx, filename);
  return result;
}

static JSValue run_script(JSContext *ctx, JSValue self, int count, JSValue *arguments, int magic, JSValue *data) {
  return JS_EvalFunction(ctx, JS_DupValue(ctx, data[0]));
}

/* compileScript(source, filename, first line): a function that runs it, any number of times. */
FUNCTION(compile_script) {
  unsigned length = 0;
  const char *source = JS_ToCStringLen2(ctx, &length, arguments[0], 0);
  const char *filename = JS_ToCStringLen2(ctx, 0, arguments[1], 0);
  JSValue result = JS_EXCEPTION;
  if (source != 0 && filename != 0) {
    JSEvalOptions options = {JS_EVAL_OPTIONS_VERSION, JS_EVAL_FLAG_COMPILE_ONLY, filename, INT_OF(arguments[2])};
    JSValue bytecode = JS_Eval2(ctx, source, length, &options);
    if (JS_TAG_OF(bytecode) != JS_TAG_OF(JS_EXCEPTION)) {
      result = JS_NewCFunctionData(ctx, run_script, 0, 0, 1, &bytecode);
      JS_FreeValue(ctx, bytecode);
    }
  }
  JS_FreeCString(ctx, source);
  JS_FreeCString(ctx, filename);
  return result;
}

static JSValue evaluate_script(JSContext *ctx, JSValue self, int count, JSValue *arguments) {
  unsigned length = 0;
  const char *source = JS_ToCStringLen2(ctx, &length, arguments[0], 0);
  const char *filename = JS_ToCStringLen2(ctx, 0, arguments[1], 0);
  JSValue result = JS_EXCEPTION;
  if (source != 0 && filename != 0) {
    JSEvalOptions options = {JS_EVAL_OPTIONS_VERSION, 0, filename, INT_OF(arguments[2])};
    result = JS_Eval2(ctx, source, length, &options);
  }
  JS_FreeCString(ctx, source);
  JS_FreeCString(ctx, filename);
  return result;
}

static JSValue compile_function_here(JSContext *ctx, JSValue self, int count, JSValue *arguments) {
  return compile_function(ctx, self, count, arguments, 0, 0);
}

/*
 * createRealm(): a global object with what the language has, then evaluate(source, filename, first line) and
 * compileFunction for it. The realm lives as long as these functions or anything that was made in it.
 */
FUNCTION(create_realm) {
  JSContext *realm = JS_NewContext(JS_GetRuntime(ctx));
  if (realm == 0) return JS_EXCEPTION;
  JSValue result = JS_NewArray(ctx);
  JS_SetPropertyUint32(ctx, result, 0, JS_GetGlobalObject(realm));
  JS_SetPropertyUint32(ctx, result, 1, JS_NewCFunction2(realm, evaluate_script, "evaluate", 3, 0, 0));
  JS_SetPropertyUint32(ctx, result, 2, JS_NewCFunction2(realm, compile_function_here, "compile", 4, 0, 0));
  JS_FreeContext(realm);
  return result;
}
