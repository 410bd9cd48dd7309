/**
 * Kafka's BrokerTopicMetrics: of all topics without a label, and of each topic that is here now.
 *
 *   kafka_server_brokertopicmetrics_bytesin_total 8123904
 *   kafka_server_brokertopicmetrics_bytesin_total{topic="orders"} 8000000
 */
import { type Families, labelText } from "../../base/metrics-text.ts";
import { Pace } from "../../base/slices.ts";
import type { LogManager } from "../../log/log-manager.ts";
import type { FlawKind } from "../../log/validation-stats.ts";
import type { Partitions } from "../../partition/partitions.ts";
import type { TopicStats } from "../../partition/topic-stats.ts";

type Row = readonly [string, string, keyof TopicStats & string];

const ROWS = [
  ["messagesin", "Records appended", "messagesIn"],
  ["bytesin", "Bytes of records appended", "bytesIn"],
  ["bytesout", "Bytes of records sent to consumers", "bytesOut"],
  ["bytesrejected", "Bytes of records that were too large", "bytesRejected"],
  ["totalproducerequests", "Appends, counted by partition", "totalProduceRequests"],
  ["failedproducerequests", "Appends that failed, by partition", "failedProduceRequests"],
  ["totalfetchrequests", "Reads, counted by partition", "totalFetchRequests"],
  ["failedfetchrequests", "Reads that failed, by partition", "failedFetchRequests"],
  ["producemessageconversions", "Records written anew", "produceMessageConversions"],
  ["totalsharefetchrequests", "Share fetches, by topic", "totalShareFetchRequests"],
  ["failedsharefetchrequests", "Share fetches that failed", "failedShareFetchRequests"],
  [
    "totalshareacknowledgementrequests",
    "Share acknowledgements, by topic",
    "totalShareAcknowledgementRequests",
  ],
  [
    "failedshareacknowledgementrequests",
    "Share acknowledgements that failed",
    "failedShareAcknowledgementRequests",
  ],
] as const satisfies readonly Row[];

/** Kafka counts them of all topics together. */
const FLAWS = [
  ["invalidmagicnumberrecords", "Batches of a version that is not taken", "magic"],
  ["invalidmessagecrcrecords", "Batches with a wrong checksum", "checksum"],
  [
    "invalidoffsetorsequencerecords",
    "Batches whose offsets, count or sequence cannot be",
    "offsetOrSequence",
  ],
  ["nokeycompactedtopicrecords", "Records without a key for a compacted topic", "noKey"],
] as const satisfies readonly (readonly [string, string, FlawKind])[];

/** As many topics as partitions are shown. */
export function topicFamilies(
  partitions: Partitions,
  { validation }: LogManager,
  topicsMax: number,
): Families {
  return function* (out) {
    const total = partitions.totalStats();
    yield;
    for (const [name, help, field] of ROWS) {
      out.family(`kafka_server_brokertopicmetrics_${name}`, "counter", help);
      out.sample(total[field]);
      let shown = 0;
      const pace = new Pace(TOPICS_AT_ONCE);
      for (const topic of partitions.topics()) {
        if (shown++ >= topicsMax) break;
        out.sample(topic.stats[field], labelText({ topic: topic.name }));
        if (pace.endsStep()) yield;
      }
      yield;
    }
    for (const [name, help, kind] of FLAWS) {
      out.one(`kafka_server_brokertopicmetrics_${name}`, "counter", help, validation.of(kind));
    }
    const ofReplicas: readonly (readonly [string, string, number])[] = [
      ["replicationbytesin", "Bytes of records taken from leaders", total.replicationBytesIn],
      ["replicationbytesout", "Bytes of records sent to followers", total.replicationBytesOut],
    ];
    for (const [name, help, value] of ofReplicas) {
      out.one(`kafka_server_brokertopicmetrics_${name}`, "counter", help, value);
    }
    yield;
  };
}

const TOPICS_AT_ONCE = 64;
