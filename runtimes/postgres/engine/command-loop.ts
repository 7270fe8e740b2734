/**
 * The loop of a backend's commands, as a WebAssembly module: a stack that can be suspended costs more to make than most
 * commands, so one is to last as long as its client.
 */

/** WebAssembly Core Specification, binary format. One type: a function of nothing. */
const MODULE = Buffer.from(
  [
    '0061736d01000000',
    // Type 0: no parameters, no results.
    '0104016000 00',
    // Imports: host.ready, host.once
    '021a 02 04 686f7374 05 7265616479 00 00 04 686f7374 04 6f6e6365 00 00',
    // Function 2, exported as "loop".
    '0302 01 00',
    '0708 01 04 6c6f6f70 00 02',
    // loop; call 0; call 1; br 0; end; end
    '0a0d 01 0b 00 03 40 10 00 10 01 0c 00 0b 0b',
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

/** A function that calls one and then the other, until one of them throws. */
export const commandLoop = (ready: () => void, once: () => void): (() => void) => {
  const host = { ready, once };
  return new WebAssembly.Instance(new WebAssembly.Module(MODULE), { host }).exports['loop'] as () => void;
};
