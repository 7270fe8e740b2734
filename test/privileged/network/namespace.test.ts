import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createNamespace, type Link, removeNamespace, removeVeth } from '../../../src/network/namespace.ts';
import {
  converse,
  createSandbox,
  expectNothingLeft,
  interfaces,
  linesOf,
  probeFromInside,
  randomPrefix,
  runInside,
  startEchoServer,
} from './test-network.ts';

const MODULE = fileURLToPath(new URL('../../../src/network/namespace.ts', import.meta.url));
/** uid and gid of nobody and nogroup on Debian; any but 0 would do. */
const NOBODY = 65_534;

const ownNamespace = (): string => readlinkSync('/proc/thread-self/ns/net');

/** Names as `ip netns list` prints them. */
const namespaces = (): string[] => linesOf('ip', 'netns', 'list').map((line) => line.split(' ')[0] ?? '');

/** Runs a program that imports namespace.ts in a process of its own. */
const runScript = (script: string, options: { uid?: number; gid?: number } = {}) =>
  spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import * as module from '${MODULE}';\n${script}`],
    {
      encoding: 'utf8',
      ...options,
    },
  );

const freshName = (): { prefix: string; name: string } => {
  const prefix = randomPrefix();
  return { prefix, name: `${prefix}-one` };
};

describe('a network namespace', () => {
  it('is listed by ip netns while it exists; disposing twice does not take the name from its successor', async () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    const first = createNamespace(name);
    expect(namespaces()).toContain(name);
    await first[Symbol.asyncDispose]();
    expect(namespaces()).not.toContain(name);
    await using _second = createNamespace(name);
    await first[Symbol.asyncDispose]();
    expect(namespaces()).toContain(name);
  });

  it('has lo up, no route anywhere, and lets anyone listen on port 80', async () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    await using namespace = createNamespace(name);
    expect(runInside(namespace, 'ip', '-brief', 'link')).toMatch(/^lo\s+UNKNOWN.*LOOPBACK,UP/);
    expect(runInside(namespace, 'ip', 'route')).toBe('');
    const listen = `require('node:net').createServer().listen(80, function () { console.log('ok'); this.close(); })`;
    const child = namespace.run(() =>
      spawnSync(process.execPath, ['-e', listen], { uid: NOBODY, gid: NOBODY }),
    );
    expect(String(child.stdout)).toBe('ok\n');
  });

  it('is where a process spawned by run starts, and not where this one goes on', async () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    await using namespace = createNamespace(name);
    const home = ownNamespace();
    const child = namespace.run(() => spawn('readlink', ['/proc/self/ns/net']));
    const [output] = await once(child.stdout, 'data');
    expect(String(output).trim()).toBe(`net:[${statSync(namespace.path).ino}]`);
    expect(ownNamespace()).toBe(home);
  });

  it('is left also when the action throws', async () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    await using namespace = createNamespace(name);
    const home = ownNamespace();
    const fail = (): never => {
      throw new Error(ownNamespace());
    };
    expect(() => namespace.run(fail)).toThrow(`net:[${statSync(namespace.path).ino}]`);
    expect(ownNamespace()).toBe(home);
  });

  it('keeps no thread that was started while it was visited', () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    const { stdout, stderr } = runScript(`
      import { promises, readdirSync, readlinkSync } from 'node:fs';
      const namespace = module.createNamespace('${name}');
      await namespace.run(() => promises.stat('/')); // starts libuv's thread pool, were it not running
      const threads = readdirSync('/proc/self/task');
      console.log(threads.length, new Set(threads.map((id) => readlinkSync('/proc/self/task/' + id + '/ns/net'))).size);
      await namespace[Symbol.asyncDispose]();
    `);
    expect(stderr).toBe('');
    const [threads, distinctNamespaces] = stdout.split(' ').map(Number);
    expect(threads).toBeGreaterThan(4);
    expect(distinctNamespaces).toBe(1);
  });

  it('ends the process that cannot return from it', () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    const { signal, stderr, stdout } = runScript(`
      import { closeSync, readdirSync, readlinkSync } from 'node:fs';
      const namespace = module.createNamespace('${name}');
      namespace.run(() => {
        for (const fd of readdirSync('/proc/self/fd')) try {
          if (readlinkSync('/proc/self/fd/' + fd).startsWith('net:')) closeSync(Number(fd));
        } catch {}
      });
      console.log('still running');
    `);
    removeNamespace(name);
    expect([signal, stdout]).toEqual(['SIGKILL', '']);
    expect(stderr).toContain('cannot return to the own network namespace');
  });

  it('is refused where the name is taken, and the owner of the name keeps it', async () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    await using owner = createNamespace(name);
    const identity = statSync(owner.path).ino;
    expect(() => createNamespace(name)).toThrow(
      expect.objectContaining({ code: 'NAME_IN_USE', message: expect.stringContaining(name) }),
    );
    expect(statSync(owner.path).ino).toBe(identity);
  });

  it.each(['', '.', '..', '../x', 'a/b', '-x', 'a b'])('cannot be named %j', (name) => {
    expect(() => createNamespace(name)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  it('is refused without privileges, with the way out', () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    const { stdout } = runScript(
      `try { module.createNamespace('${name}'); } catch ({ code, hint }) { console.log(code, '|', hint); }`,
      { uid: NOBODY, gid: NOBODY },
    );
    expect(stdout).toBe('PERMISSION_DENIED | run wasmrun with sudo\n');
  });

  it('goes also when ip netns was used meanwhile', async () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    await using _namespace = createNamespace(name);
    execFileSync('ip', ['netns', 'add', `${prefix}-other`]);
    execFileSync('ip', ['netns', 'delete', `${prefix}-other`]);
    removeNamespace(name);
    expect(namespaces()).not.toContain(name);
  });

  it('and a veth that are not there are removed without complaint', async () => {
    const { prefix, name } = freshName();
    removeNamespace(name);
    await removeVeth(`${prefix}-v0`);
  });
});

describe('a connected namespace', () => {
  it('takes its interface along, at once where nothing lives in it and in the end where something does', async () => {
    for (const inhabited of [false, true]) {
      const prefix = randomPrefix();
      using _ = expectNothingLeft(prefix);
      const { namespace, link } = createSandbox(prefix, 0);
      const inhabitant = inhabited ? namespace.run(() => spawn('sleep', ['60'])) : undefined;
      try {
        expect(interfaces()).toContain(link.veth);
        await namespace[Symbol.asyncDispose]();
        expect(interfaces()).not.toContain(link.veth);
      } finally {
        inhabitant?.kill('SIGKILL');
      }
    }
  });

  it('that lost its name only is swept by the name of its interface', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    const { namespace, link } = createSandbox(prefix, 0);
    removeNamespace(namespace.name);
    await removeVeth(link.veth);
    expect(interfaces()).not.toContain(link.veth);
  });

  it('is reached by the host at the address of the sandbox', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using sandbox = createSandbox(prefix, 0);
    await using _server = await startEchoServer(sandbox.namespace, { host: '0.0.0.0', port: 3000 });
    using conversation = await converse(sandbox.link.sandboxAddress, 3000);
    expect(conversation.servedAt).toBe(`${sandbox.link.sandboxAddress}:3000`);
  });

  it('has two addresses, no IPv6 on the link, and nothing else', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using sandbox = createSandbox(prefix, 0);
    const { namespace, link } = sandbox;
    expect(linesOf('ip', '-brief', 'address', 'show', link.veth).join()).toMatch(
      new RegExp(`^${link.veth}@\\S+\\s+UP\\s+${link.hostAddress}/31\\s*$`),
    );
    expect(runInside(namespace, 'ip', '-brief', 'address', 'show', 'eth0')).toMatch(
      new RegExp(`^eth0@\\S+\\s+UP\\s+${link.sandboxAddress}/31\\s*$`),
    );
    expect(runInside(namespace, 'ip', 'route').trim()).toBe(
      `${link.hostAddress}/31 dev eth0 proto kernel scope link src ${link.sandboxAddress}`,
    );
    // Routing of 127.0.0.0/8 over it is the firewall's to allow, once its guard stands.
    expect(readFileSync(`/proc/sys/net/ipv4/conf/${link.veth}/route_localnet`, 'utf8')).toBe('0\n');
  });

  it('sends packets as long as those of the loopback', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using sandbox = createSandbox(prefix, 0);
    expect(readFileSync(`/sys/class/net/${sandbox.link.veth}/mtu`, 'utf8')).toBe('65535\n');
    expect(runInside(sandbox.namespace, 'ip', 'link', 'show', 'eth0')).toContain(' mtu 65535 ');
  });

  it('finds everything else unreachable at once', async () => {
    const prefix = randomPrefix();
    using _ = expectNothingLeft(prefix);
    await using sandbox = createSandbox(prefix, 0);
    // TEST-NET-3 of RFC 5737 and the documentation prefix of RFC 3849
    for (const host of ['203.0.113.7', '2001:db8::7', '169.254.169.254']) {
      const { outcome, ms } = await probeFromInside(sandbox.namespace, { host, port: 80 });
      expect(outcome).toBe('ENETUNREACH');
      expect(ms).toBeLessThan(1000);
    }
  });

  it('leaves an interface that has its name already as it is', async () => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    await using namespace = createNamespace(name);
    const veth = `${prefix}-v0`;
    execFileSync('ip', ['link', 'add', veth, 'type', 'veth', 'peer', 'name', `${prefix}-p`]);
    const indexOf = (): string => readFileSync(`/sys/class/net/${veth}/ifindex`, 'utf8');
    const index = indexOf();
    try {
      expect(() =>
        namespace.connect({ veth, hostAddress: '10.231.0.0', sandboxAddress: '10.231.0.1' }),
      ).toThrow(
        expect.objectContaining({
          code: 'NETWORK_SETUP_FAILED',
          message: `cannot create the interface ${veth}: RTM_NEWLINK failed: EEXIST`,
        }),
      );
      expect(indexOf()).toBe(index);
    } finally {
      execFileSync('ip', ['link', 'delete', veth]);
    }
  });

  it.each([
    ['the host', { hostAddress: 'nonsense' }, 'cannot set up the interface'],
    ['the sandbox', { sandboxAddress: 'nonsense' }, 'cannot set up eth0 inside'],
  ])('leaves nothing when it fails on the side of %s', async (_side, mistake, message) => {
    const { prefix, name } = freshName();
    using _ = expectNothingLeft(prefix);
    await using namespace = createNamespace(name);
    const link: Link = {
      veth: `${prefix}-v0`,
      hostAddress: '10.231.255.252',
      sandboxAddress: '10.231.255.253',
      ...mistake,
    };
    expect(() => namespace.connect(link)).toThrow(message);
    expect(interfaces()).not.toContain(link.veth);
    expect(runInside(namespace, 'ip', '-brief', 'link')).not.toContain('eth0');
  });
});
