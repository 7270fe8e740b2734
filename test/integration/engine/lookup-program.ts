/**
 * Looks one name up as the engine does: on a blocked thread, with the control channel on descriptor 3.
 * Arguments: the name, then name servers as ADDRESS:PORT. Prints the result as JSON.
 */
import { Control } from '../../../src/engine/control.ts';
import { FdTable } from '../../../src/engine/fd-table.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { NameLookup, numericAddress } from '../../../src/engine/name-lookup.ts';
import { Poller } from '../../../src/engine/poll.ts';

const [name, ...servers] = process.argv.slice(2);
const poller = new Poller(new GuestMemory(), new FdTable(), new Control());
const lookup = new NameLookup(
  poller,
  servers.map((server) => {
    const [address, port] = server.split(':');
    return { ip: numericAddress(address ?? '') ?? new Uint8Array(4), port: Number(port) };
  }),
);
const found = lookup.lookup(name ?? '', [4, 6]);
console.log(JSON.stringify(typeof found === 'string' ? found : found.map((ip) => [...ip].join('.'))));
