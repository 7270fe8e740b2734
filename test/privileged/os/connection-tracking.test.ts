import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { forgetFlows } from '../../../src/os/connection-tracking.ts';
import { nft } from '../network/test-firewall.ts';
import { expectNothingLeft, flowsTo, randomPrefix } from '../network/test-network.ts';

/** The kernel remembers flows for as long as some rule asks about them. */
const trackFlows = (table: string): Disposable => {
  nft(`add table ip ${table}; add chain ip ${table} output { type filter hook output priority 0; }`);
  nft(`add rule ip ${table} output ct state established accept`);
  return { [Symbol.dispose]: () => nft('delete', 'table', 'ip', table) };
};

const bound = async (): Promise<{ socket: Socket; port: number }> => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, port: socket.address().port };
};

it('the kernel forgets the flows to one port, and no others', async () => {
  const prefix = randomPrefix();
  using _ = expectNothingLeft(prefix);
  using _tracking = trackFlows(prefix);
  const servers = [await bound(), await bound()];
  const clients = [await bound(), await bound(), await bound()];
  for (const { socket, port } of servers) {
    for (const client of clients) {
      client.socket.send('x', port, '127.0.0.1');
      await once(socket, 'message');
    }
  }
  const [one, other] = servers.map(({ port }) => ({ protocol: 'udp' as const, address: '127.0.0.1', port }));
  expect([flowsTo(one!.port).length, flowsTo(other!.port).length]).toEqual([3, 3]);
  expect(forgetFlows({ ...one!, protocol: 'tcp' })).toBe(0);
  expect(forgetFlows({ ...one!, address: '127.0.0.2' })).toBe(0);
  expect(forgetFlows(one!)).toBe(3);
  expect([flowsTo(one!.port).length, flowsTo(other!.port).length]).toEqual([0, 3]);
  expect(forgetFlows(one!)).toBe(0);
  expect(forgetFlows(other!)).toBe(3);
  for (const { socket } of [...servers, ...clients]) socket.close();
});
