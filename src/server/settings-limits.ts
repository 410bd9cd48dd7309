/** What the settings say of connections and requests. Asked anew each time: some may change. */
import type { Settings } from "../broker/settings/settings.ts";
import { parsePairs } from "../broker/settings/listeners.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "./limits.ts";

export function limitsOf(settings: Settings): ServerLimits {
  let overridesText = "";
  let overrides: ReadonlyMap<string, number> = new Map();
  return {
    get socketRequestMaxBytes() {
      return settings.get("socket.request.max.bytes");
    },
    /** Kafka sets no bound by default; here it is one all the same. */
    get queuedMaxRequestBytes() {
      const bytes = settings.get("queued.max.request.bytes");
      return bytes > 0 ? bytes : DEFAULT_LIMITS.queuedMaxRequestBytes;
    },
    get queuedMaxRequests() {
      return settings.get("queued.max.requests");
    },
    get maxConnections() {
      return settings.get("max.connections");
    },
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
