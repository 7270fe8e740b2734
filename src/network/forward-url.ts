/** Where clients reach a forward, as people read it. */
import { bracket } from './forward.ts';
import type { HeldForward } from './transport.ts';

/**
 * Process ports whose well-known service does not speak HTTP: a link would mislead (IANA service
 * names registry; 27017 and 11211 are MongoDB's and memcached's documented defaults).
 */
const NOT_HTTP: ReadonlySet<number> = new Set([
  21, 22, 23, 25, 53, 110, 119, 143, 389, 465, 587, 636, 993, 995, 1433, 1521, 1883, 2181, 3306, 5432, 5671,
  5672, 6379, 6432, 8883, 9042, 9092, 11_211, 27_017,
]);
const HTTPS_PORT = 443;

const scheme = ({ processPort, protocol }: HeldForward): string => {
  if (protocol !== 'tcp') return '';
  if (processPort === HTTPS_PORT) return 'https://';
  return NOT_HTTP.has(processPort) ? '' : 'http://';
};

/**
 * Places where clients reach a held forward: `http://localhost:8080` when both loopback addresses are
 * held, else one for each address; without `http://` for ports of other protocols, and for UDP.
 */
export const forwardUrls = (forward: HeldForward): string[] => {
  const { addresses, hostPort } = forward;
  const localhost = addresses.includes('127.0.0.1') && addresses.includes('::1');
  const rest = localhost
    ? addresses.filter((address) => address !== '127.0.0.1' && address !== '::1')
    : addresses;
  const hosts = [...(localhost ? ['localhost'] : []), ...rest.map(bracket)];
  return hosts.map((host) => `${scheme(forward)}${host}:${hostPort}`);
};
