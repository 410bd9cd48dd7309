/** Tiered storage: old segments in another store. */
import { atLeast, between, nonEmpty } from "./checks.ts";
import { LONG_MAX, boolean, clusterWide, double, int, internal, long, string } from "./setting.ts";

export const remoteSettings = {
  "remote.fetch.max.wait.ms": int(500, "medium", atLeast(1), clusterWide),
  "remote.list.offsets.request.timeout.ms": long(30_000, "medium", atLeast(1), clusterWide),
  "remote.log.index.file.cache.total.size.bytes": long(
    1_073_741_824,
    "low",
    atLeast(1),
    clusterWide,
  ),
  "remote.log.index.file.cache.ttl.ms": long(900_000, "low", atLeast(-1), internal),
  "remote.log.manager.copier.thread.pool.size": int(10, "medium", atLeast(1), clusterWide),
  "remote.log.manager.copy.max.bytes.per.second": long(LONG_MAX, "medium", atLeast(1), clusterWide),
  "remote.log.manager.copy.quota.window.num": int(11, "medium", atLeast(1)),
  "remote.log.manager.copy.quota.window.size.seconds": int(1, "medium", atLeast(1)),
  "remote.log.manager.expiration.thread.pool.size": int(10, "medium", atLeast(1), clusterWide),
  "remote.log.manager.fetch.max.bytes.per.second": long(
    LONG_MAX,
    "medium",
    atLeast(1),
    clusterWide,
  ),
  "remote.log.manager.fetch.quota.window.num": int(11, "medium", atLeast(1)),
  "remote.log.manager.fetch.quota.window.size.seconds": int(1, "medium", atLeast(1)),
  "remote.log.manager.follower.thread.pool.size": int(2, "medium", atLeast(1), clusterWide),
  "remote.log.manager.task.interval.ms": long(30_000, "low", atLeast(1)),
  "remote.log.manager.task.retry.backoff.max.ms": long(30_000, "low", atLeast(1), internal),
  "remote.log.manager.task.retry.backoff.ms": long(500, "low", atLeast(1), internal),
  "remote.log.manager.task.retry.jitter": double(0.2, "low", between(0, 0.5), internal),
  "remote.log.manager.thread.pool.size": int(2, "medium", atLeast(1)),
  "remote.log.metadata.custom.metadata.max.bytes": int(128, "low", atLeast(0)),
  "remote.log.metadata.manager.class.name": string(
    "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager",
    "medium",
    nonEmpty,
  ),
  "remote.log.metadata.manager.class.path": string(null, "medium"),
  "remote.log.metadata.manager.impl.prefix": string("rlmm.config.", "medium", nonEmpty),
  "remote.log.metadata.manager.listener.name": string(null, "medium", nonEmpty),
  "remote.log.reader.max.pending.tasks": int(100, "medium", atLeast(1)),
  "remote.log.reader.threads": int(10, "medium", atLeast(1), clusterWide),
  "remote.log.storage.manager.class.name": string(null, "medium", nonEmpty),
  "remote.log.storage.manager.class.path": string(null, "medium"),
  "remote.log.storage.manager.impl.prefix": string("rsm.config.", "medium", nonEmpty),
  "remote.log.storage.system.enable": boolean(false, "medium"),
};
