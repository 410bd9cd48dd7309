/** Metrics, and plug-ins named by a Java class. */
import { atLeast, values } from "./checks.ts";
import { acts, className, clusterWide, int, list, long, string } from "./setting.ts";

export const metricSettings = {
  "metric.reporters": list(
    ["org.apache.kafka.common.metrics.JmxReporter"],
    "low",
    values({ empty: true }),
    clusterWide,
  ),
  "metrics.num.samples": int(2, "low", atLeast(1)),
  "metrics.recording.level": string("INFO", "low"),
  "metrics.sample.window.ms": long(30_000, "low", atLeast(1)),
  "kafka.metrics.polling.interval.secs": int(10, "low", atLeast(1)),
  "kafka.metrics.reporters": list([], "low", values({ empty: true })),
  "telemetry.max.bytes": int(
    1_048_576,
    "low",
    atLeast(1),
    acts("The most that a client may push of its metrics at once, packed and unpacked."),
  ),
  "client.quota.callback.class": className(
    null,
    "low",
    acts("Refused when it is set: no Java class runs here."),
  ),
  "config.providers": list([], "low", values({ empty: true }), clusterWide),
};
