/** What a guest that writes to the user's terminal has to know of it: see docker-run(1), `--tty`, which sets `TERM`. */

/** `COLORTERM` and `NO_COLOR` are conventions (no-color.org); Node asks for all three (`getColorDepth` in node:tty). */
const NAMES = ['TERM', 'COLORTERM', 'NO_COLOR'] as const;

/** @param environment - of the caller; nothing of it is taken where the guest's output is no terminal */
export const terminalVariables = (
  output: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> =>
  Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = environment[name];
      return output.isTTY === true && value !== undefined ? [[name, value]] : [];
    }),
  );
