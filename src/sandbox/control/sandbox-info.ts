/** What is told about a sandbox: the documents of the control socket and of the library, as zod schemas. */
import { z } from 'zod';

const port = z.int().min(1).max(65_535);
const protocol = z.enum(['tcp', 'udp']);

/** Where a sandbox stands in the network. */
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
export type NetworkConfig = z.infer<typeof NetworkConfigSchema>;

/** What went through the engine's process port since the sandbox was started, whichever forward it came by. */
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

export const ForwardInfoSchema = z
  .object({
    protocol,
    addresses: z.array(z.string()).readonly(),
    hostPort: port,
    processPort: port,
    /** Where clients reach it: `http://localhost:8080`; without a scheme for UDP and ports that are not of HTTP. */
    url: z.string(),
    /** What carries it; absent until the app listens. */
    transport: z.enum(['nftables', 'iptables', 'pf', 'handoff', 'relay']).optional(),
    /** `waiting`: nothing listens on the process port yet. */
    state: z.enum(['open', 'waiting']),
    /** Established connections right now; absent where that is not known. */
    connections: z.int().min(0).optional(),
    traffic: TrafficSchema.optional(),
  })
  .readonly();
export type ForwardInfo = z.infer<typeof ForwardInfoSchema>;

export const SandboxInfoSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(['starting', 'running', 'waiting', 'stopping']),
    /** Process id of the supervisor. */
    pid: z.int(),
    /** Of the engine, in which the app runs; absent between two versions. */
    enginePid: z.int().optional(),
    language: z.string(),
    /** Absolute path of the app. */
    app: z.string(),
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
    forwards: z.array(ForwardInfoSchema).readonly(),
    /** Does it outlive the terminal it was started from? */
    isDetached: z.boolean(),
  })
  .readonly();
export type SandboxInfo = z.infer<typeof SandboxInfoSchema>;
