/** What clients hold and are limited to: Kafka's FetchSessionCache, purgatory, and quotas. */
import { type Families, labelText } from "../../base/metrics-text.ts";
import { Pace } from "../../base/slices.ts";
import type { Clock } from "../../base/world.ts";
import type { FetchSessions } from "../fetch-sessions.ts";
import type { Quotas } from "../quotas/quotas.ts";

/** Of the clients of one limit. */
const CLIENTS_MAX = 1000;
const CLIENTS_AT_ONCE = 64;

export function clientFamilies(sessions: FetchSessions, quotas: Quotas, clock: Clock): Families {
  return function* (out) {
    let partitions = 0;
    for (const { size } of sessions.values()) partitions += size;
    const cache = "kafka_server_fetchsessioncache";
    out.one(`${cache}_numincrementalfetchsessions`, "gauge", "Fetch sessions", sessions.size);
    const help = "Partitions of fetch sessions";
    out.one(`${cache}_numincrementalfetchpartitionscached`, "gauge", help, partitions);
    const evicted = `${cache}_incrementalfetchsessionevictions`;
    out.one(evicted, "counter", "Sessions that made room for others", sessions.evictedCount);
    yield;
    const nowMs = clock.monotonicMs();
    const kinds = [
      ["Produce", "kafka_server_quota_byte_rate", quotas.produce],
      ["Fetch", "kafka_server_quota_byte_rate", quotas.fetch],
      ["Request", "kafka_server_quota_request_time", quotas.request],
    ] as const;
    for (const family of new Set(kinds.map(([, name]) => name))) {
      out.family(family, "gauge", "What limited clients use, a second");
      for (const [resource, name, quota] of kinds) {
        if (name !== family || !quota.isActive) continue;
        let seen = 0;
        const pace = new Pace(CLIENTS_AT_ONCE);
        for (const { scope, meter } of quota.sensors()) {
          if (seen++ >= CLIENTS_MAX) break;
          const { user, clientId } = scope;
          out.sample(meter.perSecond(nowMs), labelText({ resource, user, clientId }));
          if (pace.endsStep()) yield;
        }
      }
      yield;
    }
  };
}
