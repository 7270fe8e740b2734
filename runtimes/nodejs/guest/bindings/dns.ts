/** `internalBinding('cares_wrap')`: names are looked up by the supervisor, as far as the app may reach them. */
import { ERRNO } from '../errno.ts';
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { Request } from './handles.ts';
import { defer } from './timers.ts';

const FAMILY_BOTH = 0;

class GetAddrInfoReqWrap extends Request {
  constructor() {
    super('GETADDRINFOREQWRAP');
  }
}

class GetNameInfoReqWrap extends Request {
  constructor() {
    super('GETNAMEINFOREQWRAP');
  }
}

class QueryReqWrap extends Request {
  constructor() {
    super('QUERYWRAP');
  }
}

const lookups = new Map<number, { readonly request: Request; readonly family: number }>();
let lastLookup = 0;

type OnAddresses = (error: number | null, addresses?: string[]) => void;

const getaddrinfo = (request: Request, name: string, family: number): number => {
  lastLookup += 1;
  lookups.set(lastLookup, { request, family });
  host.lookUp(lastLookup, name);
  return 0;
};

/** The engine's answer; no addresses for a name that has none or may not be looked up. */
export const onAddresses = (lookup: number, error: number, list: string): void => {
  const { request, family } = lookups.get(lookup) ?? {};
  lookups.delete(lookup);
  if (request === undefined) return;
  const all = list === '' ? [] : list.split(' ');
  const wanted = all.filter((address) => family === FAMILY_BOTH || (family === 6) === address.includes(':'));
  const complete = request['oncomplete'] as OnAddresses;
  if (error !== 0 || wanted.length === 0)
    request.makeCallback(complete, error === 0 ? ERRNO.EAI_NONAME : error);
  else request.makeCallback(complete, null, wanted);
};

/** c-ares speaks to name servers itself, by UDP; a sandbox only has the supervisor to ask. */
const ENOTIMP = 4;
const notImplemented = (request: Request): number => {
  defer(() => request.makeCallback(request['oncomplete'] as (code: string) => void, 'ENOTIMP'));
  return 0;
};

class ChannelWrap {
  getServers(): never[] {
    return [];
  }
  setServers(): number {
    return 0;
  }
  setLocalAddress(): void {}
  cancel(): void {}
}
const QUERIES = ['Any', 'A', 'Aaaa', 'Caa', 'Cname', 'Mx', 'Ns', 'Txt', 'Tlsa', 'Srv', 'Ptr', 'Naptr', 'Soa'];
for (const name of ['getHostByAddr', ...QUERIES.map((type) => `query${type}`)]) {
  Object.defineProperty(ChannelWrap.prototype, name, { value: notImplemented, writable: true });
}

export const createDns = (): Binding => ({
  ...shapedBinding('cares_wrap'),
  GetAddrInfoReqWrap,
  GetNameInfoReqWrap,
  QueryReqWrap,
  ChannelWrap,
  getaddrinfo,
  getnameinfo: () => ERRNO.EAI_NONAME,
  canonicalizeIP: (address: string) => host.canonicalIp(address),
  convertIpv6StringToBuffer: (address: string) => host.ipv6Bytes(address),
  strerror: (code: number) =>
    code === ENOTIMP ? 'Name servers cannot be asked in a sandbox of wasmrun' : 'DNS error',
});
