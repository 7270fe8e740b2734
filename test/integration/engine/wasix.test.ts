import { expect, test } from 'vitest';
import { startEngine } from '../../helpers/engine.ts';
import { testSocketAbi } from './socket-abi-suite.ts';

testSocketAbi('wasix');

/** What the guest prints; each line says which call of docs/socket-abis.md it is about. */
const EXPECTED = `
open-any-protocol ok
open-stream-udp ENOTSUP
open-datagram-tcp ENOTSUP
open-raw ENOTSUP
open-unix EAFNOSUPPORT
bind-10275 ok
local ok
local-value tag 1 padding 0 port 10275 untouched 102
bind-ipv6 ok
local-ipv6 tag 2 ok untouched 90
bind-unix EAFNOSUPPORT
status-listener 1
status-new 0
status-connected 1
accept ok
accept-peer tag 1 ok
dont-wait EAGAIN
recv-from-stream ok
recv-from-stream-value 3 abc flags 0 tag 0
inherits-nonblocking EAGAIN
status-refused 3
flag-set ok
flag-get 1
flag-off ok
flag-get-off 0
flag-ipv6-only ok
flag-not-a-bool EINVAL
flag-that-is-a-size refused
size-set ok
size-get 17
size-too-big EINVAL
linger-set ok
linger-get ok
linger-value 1 3000
timeout-refused ok
bad-fd EBADF
resolve ok
resolve-value 1 tag 1 127.0.0.1 untouched 36
resolve-both ok
resolve-both-value 2 tags 1 2
resolve-no-name ENOENT
`;

test("address sizes, options, status, and don't-wait", async () => {
  await using run = startEngine({ guest: 'wasix-calls' });
  expect((await run.ended).status).toBe(0);
  expect(`\n${run.stdout()}`).toBe(EXPECTED);
});
