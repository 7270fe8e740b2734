/** `internalBinding('block_list')`: addresses, and lists of which are not wanted (node_sockaddr.cc). */
import type { Binding } from '../binding-shape.ts';
import { SharedHandle } from '../cloning/shared-handle.ts';
import { host } from '../host.ts';

/** socket.h */
const AF_INET = 2;
const AF_INET6 = 10;

/** The bits of an IPv6 address in front of an IPv4 one (RFC 4291, section 2.5.5.2). */
const MAPPED_BITS = 96;
const ADDRESS_BITS = 128;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** An address as one number, IPv4 as IPv6 has it; undefined for what is none of the family. */
const numberOf = (address: string, family: number): bigint | undefined => {
  if (family === AF_INET) {
    if (!IPV4.test(address)) return undefined;
    return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0xffffn);
  }
  const bytes = host.ipv6Bytes(address);
  return bytes?.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
};

const nameOf = (family: number): string => (family === AF_INET ? 'IPv4' : 'IPv6');

class SocketAddress extends SharedHandle {
  readonly address: string;
  readonly family: number;
  readonly number: bigint;
  readonly #port: number;
  readonly #flowLabel: number;

  constructor(address: string, port: number, family: number, flowLabel: number) {
    super();
    const number = numberOf(address, family);
    if (number === undefined) {
      throw Object.assign(new Error('Invalid socket address'), { code: 'ERR_INVALID_ADDRESS' });
    }
    this.address = family === AF_INET ? address : host.canonicalIp(address)!;
    this.number = number;
    this.family = family;
    this.#port = port;
    this.#flowLabel = flowLabel;
  }

  detail(into: object): object {
    const { address, family } = this;
    return Object.assign(into, { address, port: this.#port, family, flowlabel: this.#flowLabel });
  }

  legacyDetail(into: object): object {
    return this.detail(into);
  }

  flowlabel(): number {
    return this.#flowLabel;
  }
}

/** Addresses from the first to the last. */
interface Rule {
  readonly first: bigint;
  readonly last: bigint;
  readonly text: string;
}

const addressRule = ({ number, family, address }: SocketAddress): Rule => ({
  first: number,
  last: number,
  text: `Address: ${nameOf(family)} ${address}`,
});

const rangeRule = (start: SocketAddress, end: SocketAddress): Rule => ({
  first: start.number,
  last: end.number,
  text: `Range: ${nameOf(start.family)} ${start.address}-${end.address}`,
});

const subnetRule = ({ number, family, address }: SocketAddress, prefix: number): Rule => {
  const bits = BigInt(ADDRESS_BITS - (family === AF_INET ? prefix + MAPPED_BITS : prefix));
  const first = (number >> bits) << bits;
  const last = first + (1n << bits) - 1n;
  return { first, last, text: `Subnet: ${nameOf(family)} ${address}/${prefix}` };
};

class BlockList extends SharedHandle {
  #addresses: Rule[] = [];
  /** The newest first. */
  #rules: Rule[] = [];

  #remove({ text }: Rule): void {
    const isOther = (rule: Rule): boolean => rule.text !== text;
    this.#addresses = this.#addresses.filter(isOther);
    this.#rules = this.#rules.filter(isOther);
  }

  addAddress(address: SocketAddress): void {
    this.#addresses.push(addressRule(address));
  }

  addAddresses(addresses: readonly SocketAddress[]): void {
    for (const address of addresses) this.addAddress(address);
  }

  addRange(start: SocketAddress, end: SocketAddress): boolean {
    if (start.number > end.number) return false;
    this.#rules.unshift(rangeRule(start, end));
    return true;
  }

  addSubnet(network: SocketAddress, prefix: number): void {
    this.#rules.unshift(subnetRule(network, prefix));
  }

  removeAddress(address: SocketAddress): void {
    this.#remove(addressRule(address));
  }

  removeRange(start: SocketAddress, end: SocketAddress): void {
    this.#remove(rangeRule(start, end));
  }

  removeSubnet(network: SocketAddress, prefix: number): void {
    this.#remove(subnetRule(network, prefix));
  }

  #all(): readonly Rule[] {
    return [...this.#addresses, ...this.#rules];
  }

  #has(number: bigint): boolean {
    return this.#all().some(({ first, last }) => first <= number && number <= last);
  }

  check({ number }: SocketAddress): boolean {
    return this.#has(number);
  }

  checkString(address: string, family: number): boolean {
    const number = numberOf(address, family);
    return number !== undefined && this.#has(number);
  }

  getRules(): string[] {
    return this.#all().map(({ text }) => text);
  }

  getSize(): number {
    return this.#all().length;
  }

  clear(): void {
    this.#addresses = [];
    this.#rules = [];
  }
}

export const createBlockList = (): Binding => ({ BlockList, SocketAddress, AF_INET, AF_INET6 });
