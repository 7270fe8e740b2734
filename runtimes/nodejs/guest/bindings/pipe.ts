/**
 * `internalBinding('pipe_wrap')`: the app's standard streams where they are pipes, and Unix sockets. No process but
 * the app itself can be at the other end of one of those, so that they never leave the guest.
 */
import { ERRNO } from '../errno.ts';
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { encode } from './buffer.ts';
import { Request } from './handles.ts';
import { StandardStream } from './standard-stream.ts';
import { defer } from './timers.ts';

/** open(2): O_CREAT | O_EXCL, which are alike on all of Linux. */
const CREATE_NEW = 0o300;
const SOCKET_MODE = 0o755;
/** access(2) */
const W_OK = 2;
const IPC = 2;
/** uv.h, for `fchmod`. */
const UV_READABLE = 1;
const UV_WRITABLE = 2;
/** sun_path (unix(7)), bytes. */
const PATH_SIZE = 108;

class PipeConnectWrap extends Request {
  constructor() {
    super('PIPECONNECTWRAP');
  }
}

type OnConnect = (
  status: number,
  handle: Pipe,
  request: Request,
  readable: boolean,
  writable: boolean,
) => void;

/** Listening pipes by path. */
const listening = new Map<string, Pipe>();

export class Pipe extends StandardStream {
  onconnection: ((status: number, client?: Pipe) => void) | undefined;
  readonly #kind: number;
  #path = '';
  #peer: Pipe | undefined;
  #isReading = false;
  #hasEnded = false;
  /** Not read yet, in order. */
  readonly #received: (Uint8Array | number)[] = [];

  constructor(kind: number) {
    super('PIPEWRAP', -1);
    this.#kind = kind;
  }

  bind(path: string): number {
    if (path.length >= PATH_SIZE) return ERRNO.EINVAL;
    // What the app finds in its files: an empty one, for it has no sockets.
    const fd = path.startsWith('\0') ? 0 : host.openFile(path, CREATE_NEW, SOCKET_MODE);
    if (fd === ERRNO.EEXIST || listening.has(path)) return ERRNO.EADDRINUSE;
    if (fd < 0) return fd;
    if (fd > 0) host.closeFile(fd);
    this.#path = path;
    return 0;
  }

  listen(): number {
    if (this.#path === '') return ERRNO.EINVAL;
    listening.set(this.#path, this);
    this.adopt(host.openLocal());
    host.localActivity(this.id, 1);
    return 0;
  }

  connect(request: Request, path: string): number {
    const server = listening.get(path);
    this.adopt(host.openLocal());
    host.localActivity(this.id, 1);
    defer(() => {
      if (this.isClosed) return;
      host.localActivity(this.id, -1);
      const status = this.#refusal(path, server) ?? server!.#accept(this);
      request.makeCallback(request['oncomplete'] as OnConnect, status, this, request, true, true);
    });
    return 0;
  }

  /** Why nobody answers there; undefined where the server may be asked. */
  #refusal(path: string, server: Pipe | undefined): number | undefined {
    if (path.length >= PATH_SIZE) return ERRNO.EINVAL;
    if (server !== undefined) {
      // connect(2) needs the right to write to the socket.
      const isForbidden = !path.startsWith('\0') && host.accessPath(path, W_OK) === ERRNO.EACCES;
      return isForbidden ? ERRNO.EACCES : undefined;
    }
    return host.accessPath(path, 0) < 0 ? ERRNO.ENOENT : ERRNO.ECONNREFUSED;
  }

  #accept(client: Pipe): number {
    if (this.isClosed) return ERRNO.ECONNREFUSED;
    const accepted = new Pipe(this.#kind);
    accepted.adopt(host.openLocal());
    accepted.#peer = client;
    client.#peer = accepted;
    defer(() => {
      if (this.onconnection !== undefined) this.makeCallback(this.onconnection, 0, accepted);
    });
    return 0;
  }

  get #isLocal(): boolean {
    return this.fd < 0;
  }

  override readStart(): number {
    if (!this.#isLocal) return super.readStart();
    if (this.#isReading) return 0;
    this.#isReading = true;
    host.localActivity(this.id, 1);
    this.#deliver();
    return 0;
  }

  override readStop(): number {
    if (!this.#isLocal) return super.readStop();
    if (!this.#isReading || this.isClosed) return 0;
    this.#isReading = false;
    host.localActivity(this.id, -1);
    return 0;
  }

  protected override send(bytes: Uint8Array): number {
    if (!this.#isLocal) return super.send(bytes);
    const peer = this.#peer;
    if (peer === undefined || peer.isClosed) return ERRNO.EPIPE;
    peer.#receive(bytes.slice());
    return bytes.length * 2;
  }

  protected override sendText(text: string): number {
    return this.#isLocal ? this.send(encode(text, 'utf8')) : super.sendText(text);
  }

  protected override sendLatin1(text: string): number {
    return this.#isLocal ? this.send(encode(text, 'latin1')) : super.sendLatin1(text);
  }

  protected override end(): number {
    if (!this.#isLocal) return super.end();
    if (this.#peer !== undefined) this.#peer.#receive(ERRNO.EOF);
    return 0;
  }

  #receive(what: Uint8Array | number): void {
    if (this.isClosed || this.#hasEnded) return;
    if (typeof what === 'number') this.#hasEnded = true;
    this.#received.push(what);
    this.#deliver();
  }

  #deliver(): void {
    if (!this.#isReading || this.#received.length === 0) return;
    defer(() => {
      if (!this.#isReading || this.isClosed) return;
      const next = this.#received.shift();
      if (next === undefined) return;
      if (typeof next === 'number') {
        this.readStop();
        this.onReadError(next);
      } else this.onData(next);
      this.#deliver();
    });
  }

  protected override release(): void {
    if (this.#path !== '' && listening.get(this.#path) === this) {
      listening.delete(this.#path);
      if (!this.#path.startsWith('\0')) host.unlinkFile(this.#path);
    }
    if (this.#peer !== undefined) this.#peer.#receive(ERRNO.EOF);
    super.release();
  }

  fchmod(access: number): number {
    const everybody = ((access & UV_READABLE) === 0 ? 0 : 0o444) | ((access & UV_WRITABLE) === 0 ? 0 : 0o222);
    return host.setPathMode(this.#path, SOCKET_MODE | everybody);
  }

  setPendingInstances(): void {}
}

export const createPipe = (): Binding => ({
  Pipe,
  PipeConnectWrap,
  constants: { SOCKET: 0, SERVER: 1, IPC, UV_READABLE, UV_WRITABLE },
});
