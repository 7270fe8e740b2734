/** What is told about a sandbox: the documents of the control socket and of the library, as zod schemas. */
import { z } from 'zod';

const port = z.int().min(1).max(65_535);
const protocol = z.enum(['tcp', 'udp']);

/** Checks and freezes a {@link NetworkConfig}. */
export const NetworkConfigSchema = z
  .object({
    /** IPv4 address inside. */
    address: z.ipv4(),
    /** The host's end of the link. */
    gateway: z.ipv4(),
    prefixLength: z.int().min(0).max(32),
    netmask: z.ipv4(),
    /** As `ip netns list` has it. */
    namespace: z.string(),
    /** Interface on the host. */
    hostInterface: z.string(),
    /** Interface inside. */
    guestInterface: z.string(),
    /** Of the interface inside. */
    macAddress: z.mac(),
  })
  .readonly();
/** Where a sandbox stands in the network. */
export interface NetworkConfig extends z.infer<typeof NetworkConfigSchema> {}

const TrafficSchema = z
  .object({
    /** Connections; of UDP datagrams that have come. */
    accepted: z.int().min(0),
    /** Bytes that the app has received. */
    received: z.int().min(0),
    /** Bytes that the app has sent. */
    sent: z.int().min(0),
  })
  .readonly();
/** What went through a process port since the sandbox was started, whichever forward it came by. */
export interface ForwardTraffic extends z.infer<typeof TrafficSchema> {}

/** Checks and freezes a {@link ForwardInfo}. */
export const ForwardInfoSchema = z
  .object({
    protocol,
    /** Host addresses, e.g. `127.0.0.1` and `::1`. */
    addresses: z.array(z.string()).readonly(),
    /** Port of this machine. */
    hostPort: port,
    /** Port of the app. */
    processPort: port,
    /** Where clients reach it: `http://localhost:8080`; without a scheme for UDP and ports that are not of HTTP. */
    url: z.string(),
    /** What carries it; absent until the app listens. */
    transport: z.enum(['nftables', 'iptables', 'pf', 'handoff', 'relay']).optional(),
    /** `waiting`: nothing listens on the process port yet. */
    state: z.enum(['open', 'waiting']),
    /** Established connections right now; absent where that is not known. */
    connections: z.int().min(0).optional(),
    /** Of its process port; absent right after it was opened. */
    traffic: TrafficSchema.optional(),
  })
  .readonly();
/** A forward as it was at a moment. */
export interface ForwardInfo extends z.infer<typeof ForwardInfoSchema> {}

/** Checks and freezes a {@link SandboxInfo}. */
export const SandboxInfoSchema = z
  .object({
    /** 12 hex digits that no other sandbox has. */
    id: z.string(),
    name: z.string(),
    /** `waiting`: the app has ended, and a new version of it is to come. */
    state: z.enum(['starting', 'running', 'waiting', 'stopping']),
    /** Process id of the supervisor. */
    pid: z.int(),
    /** Of the engine, in which the app runs; absent between two versions. */
    enginePid: z.int().optional(),
    /** Name of the runtime. */
    language: z.string(),
    /** Absolute path of the app. */
    app: z.string(),
    /** How it is kept apart from this machine's network. */
    isolation: z.enum(['namespace', 'user-namespace', 'virtual']),
    /** With the isolation `namespace` only. */
    network: NetworkConfigSchema.optional(),
    /** ms since the epoch. */
    startedAt: z.int(),
    /** Which version of the app is in charge, 1 for the first. */
    generation: z.int().min(1),
    /** How often the app was started again after it had ended by itself. */
    restarts: z.int().min(0),
    /** Resident set of the engine, in bytes. */
    memory: z.int().optional(),
    /** What leads into it. */
    forwards: z.array(ForwardInfoSchema).readonly(),
    /** Does it outlive the terminal it was started from? */
    isDetached: z.boolean(),
  })
  .readonly();
/** A sandbox as it was at a moment. */
export interface SandboxInfo extends z.infer<typeof SandboxInfoSchema> {}
