/** Where the part of a runtime lies that runs inside the engine. */
import { packageProgram } from '../os/package-file.ts';

/**
 * Absolute path of the driver of a runtime: `runtimes/NAME/driver.ts`, or its bundle.
 * @param runtime - the runtime's name
 */
export const driverPath = (runtime: string): string =>
  packageProgram(`runtimes/${runtime}/driver.ts`, `dist/drivers/${runtime}/main.cjs`);
