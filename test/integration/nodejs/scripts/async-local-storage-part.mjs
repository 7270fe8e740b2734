await null;
export const part = 1;
