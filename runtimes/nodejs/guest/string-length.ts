/** The longest string, in characters: V8's on platforms of 32 bits (v8-primitive.h, String::kMaxLength). */
export const MAX_STRING_LENGTH = 2 ** 28 - 16;
