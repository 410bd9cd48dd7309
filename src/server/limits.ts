/** What clients may take from a node. Kafka's settings, and ours where Kafka has none. */
import type { RateWindow } from "../broker/quotas/rate.ts";
import type { MemoryLimits } from "./request-memory.ts";

export interface ServerLimits extends MemoryLimits {
  /** socket.request.max.bytes */
  readonly socketRequestMaxBytes: number;
  /** max.connections */
  readonly maxConnections: number;
  /** The same of one listener. */
  maxConnectionsOf(listenerName: string): number;
  /** max.connection.creation.rate, a second. */
  readonly maxConnectionCreationRate: number;
  maxConnectionCreationRateOf(listenerName: string): number;
  /** Of one address; Infinity for any number. */
  connectionRateOf(address: string): number;
  /** In which rates are taken. */
  readonly rateWindow: RateWindow;
  /** num.network.threads, of all listeners. */
  readonly sendThreadsMax: number;
  /** Null where none is named. */
  readonly interBrokerListenerName: string | null;
  /** max.connections.per.ip */
  readonly maxConnectionsPerIp: number;
  /** max.connections.per.ip.overrides, by address. */
  readonly maxConnectionsPerIpOverrides: ReadonlyMap<string, number>;
  /** connections.max.idle.ms; Infinity for never. */
  readonly connectionsMaxIdleMs: number;
}

/** Kafka's defaults, but for memory: Kafka sets no bound to it. */
export const DEFAULT_LIMITS: ServerLimits = {
  socketRequestMaxBytes: 104_857_600,
  queuedMaxRequestBytes: 512 * 1024 * 1024,
  queuedMaxRequests: 500,
  maxConnections: 2 ** 31 - 1,
  maxConnectionsOf: () => 2 ** 31 - 1,
  maxConnectionCreationRate: 2 ** 31 - 1,
  maxConnectionCreationRateOf: () => 2 ** 31 - 1,
  connectionRateOf: () => Infinity,
  rateWindow: { sampleCount: 11, sampleMs: 1000 },
  sendThreadsMax: 3,
  interBrokerListenerName: null,
  maxConnectionsPerIp: 2 ** 31 - 1,
  maxConnectionsPerIpOverrides: new Map(),
  connectionsMaxIdleMs: 600_000,
};

/** How long a stranger, who has not sent a valid API key and version, may stay. */
export const STRANGER_IDLE_MS_MAX = 10_000;

/** Requests of one connection that are not answered yet; then it is not read on. */
export const REQUESTS_PER_CONNECTION_MAX = 256;
/** Bytes that one connection has not taken; then its next requests wait. */
export const UNSENT_BYTES_MAX = 1024 * 1024;
/** Less than this in a whole idle time is silence, too: a client that drips holds nothing. */
export const ACTIVITY_BYTES_MIN = 64 * 1024;
/** From our FIN to the peer's; then the connection is reset. */
export const LINGER_MS_MAX = 5000;
/** What a client may send behind bad bytes before it is reset. */
export const LINGER_BYTES_MAX = 1024 * 1024;
/** More than that costs less to take than to keep, whatever the turn has taken. */
export const KEPT_SIZE_MAX = 64 * 1024;
/**
 * From such a chunk on, Bun asks the same socket for more before it looks at the others (it has
 * filled most of its 512 KiB). A client that is answered at once would keep the loop to itself, so
 * it is answered when all have had their turn.
 */
export const READ_AGAIN_SIZE = 448 * 1024;
