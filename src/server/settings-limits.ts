/** What the settings say of connections and requests. Asked anew each time: some may change. */
import type { Quotas } from "../broker/quotas/quotas.ts";
import type { Settings } from "../broker/settings/settings.ts";
import { type Listeners, parsePairs } from "../broker/settings/listeners.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "./limits.ts";

export interface LimitSources {
  readonly settings: Settings;
  readonly quotas: Quotas;
  readonly listeners: Pick<Listeners, "interBroker" | "broker">;
}

export function limitsOf({ settings, quotas, listeners }: LimitSources): ServerLimits {
  let overridesText = "";
  let overrides: ReadonlyMap<string, number> = new Map();
  return {
    get socketRequestMaxBytes() {
      return settings.get("socket.request.max.bytes");
    },
    /**
     * Kafka sets no bound by default; here is one all the same, with room for any one request:
     * what many clients send at once would else end the node, where Kafka's heap ends in an error.
     */
    get queuedMaxRequestBytes() {
      const bytes = settings.get("queued.max.request.bytes");
      if (bytes > 0) return bytes;
      const requestBytesMax = settings.get("socket.request.max.bytes");
      return Math.max(DEFAULT_LIMITS.queuedMaxRequestBytes, requestBytesMax);
    },
    get queuedMaxRequests() {
      return settings.get("queued.max.requests");
    },
    get maxConnections() {
      return settings.get("max.connections");
    },
    maxConnectionsOf: (listenerName) => settings.getFor(listenerName, "max.connections"),
    get maxConnectionCreationRate() {
      return settings.get("max.connection.creation.rate");
    },
    maxConnectionCreationRateOf: (listenerName) =>
      settings.getFor(listenerName, "max.connection.creation.rate"),
    connectionRateOf: (address) => quotas.connectionRateOf(address),
    rateWindow: quotas.window,
    /** Kafka has so many for each listener; here they send for all of them. */
    get sendThreadsMax() {
      const counts = listeners.broker.map(({ name }) => {
        return settings.getFor(name, "num.network.threads");
      });
      return counts.reduce((sum, count) => sum + count, 0);
    },
    interBrokerListenerName: listeners.interBroker.name,
    get maxConnectionsPerIp() {
      return settings.get("max.connections.per.ip");
    },
    get maxConnectionsPerIpOverrides() {
      const text = settings.get("max.connections.per.ip.overrides");
      if (text !== overridesText) {
        overridesText = text;
        overrides = parseOverrides(text);
      }
      return overrides;
    },
    get connectionsMaxIdleMs() {
      const idleMs = settings.get("connections.max.idle.ms");
      return idleMs < 0 ? Infinity : idleMs;
    },
  };
}

function parseOverrides(text: string): ReadonlyMap<string, number> {
  const pairs = parsePairs("max.connections.per.ip.overrides", text);
  return new Map(pairs.map(([address, count]) => [address, Number(count)]));
}
