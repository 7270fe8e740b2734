/** How what is left of a killed sandbox is told. */
import type { Leftover } from '../wasmrun.ts';

/** One line: `web  (namespace wasmrun-web, interface wasmrun-v0, of the ended process 123)`. */
export const leftoverText = ({ name, isolation, namespace, interface: veth, pid }: Leftover): string => {
  const what = namespace === undefined ? isolation : `namespace ${namespace}, interface ${veth}`;
  return `${name}  (${what}, of the ended process ${pid})`;
};
