import { expect, test } from 'vitest';
import { startEngine } from '../../helpers/engine.ts';
import { testSocketAbi } from './socket-abi-suite.ts';

testSocketAbi('wasmedge');

/** What the guest prints; each line says which call of docs/socket-abis.md it is about. */
const EXPECTED = `
open-v2 ok
bind-v2 ok
listen-v2 ok
local-v2 ok
local-v2-value ok
connect-v2 ok
accept-v2 ok
peer-v2 ok
peer-v2-value ok
send-v2 ok
recv-v2 ok
recv-v2-value v2
long-unknown-family EINVAL
odd-length EINVAL
outside-memory ok
accept-flags ok
accept-flags-nonblocking EAGAIN
accept-v1-blocks ok
short-buffer-ipv4 EINVAL
recv-from-v1 ok
recv-from-v1-value 3 old ok
peek-truncated 4 flags 1
truncated 4 flags 1
type-stream 2
type-datagram 1
error-none 0
keepalive-off 0
keepalive-set ok
keepalive-on 1
broadcast-set ok
sndbuf ok
acceptconn 0
timeout-refused ok
unknown-option EINVAL
unknown-level EINVAL
error-refused ECONNREFUSED
numeric 0 count 1 type 2 protocol 1 length 16
numeric-data ok
ipv6 0 count 1 family 2 data 26 ok
any 0 count 4
at-most-one 0 count 1
passive 0 0.0.0.0
nothing 84
no-room 82
bad-flags 79
numeric-only 84
bad-service 85
other-family 83
`;

test('long addresses, both generations of each function, options, and lookups with odd hints', async () => {
  await using run = startEngine({ guest: 'wasmedge-calls' });
  expect((await run.ended).status).toBe(0);
  expect(`\n${run.stdout()}`).toBe(EXPECTED);
});
