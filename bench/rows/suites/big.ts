/** More than stays in memory: write-back, segment rolls, retention, and reads from the disk. */
import type { TopicConfigs } from "../../kit/raw-client.ts";
import { besideColdReader } from "../beside-cold-reader.ts";
import { closedProduce } from "../closed-produce.ts";
import { openLoop } from "../open-loop.ts";
import type { Row, Site } from "../row.ts";

const KIB = 1024;
const PARTITIONS = 8;
const BATCH = { recordBytes: KIB, batchBytes: 16 * KIB };
const SEGMENT_BYTES_MIN = 16 << 20;

/** Ten segments of each partition, of which four stay. */
function rollingConfigs({ gigabytes, scale }: Site): TopicConfigs {
  const partitionBytes = (gigabytes * 1e9 * scale) / PARTITIONS;
  const segmentBytes = Math.max(SEGMENT_BYTES_MIN, Math.round(partitionBytes / 10));
  return { "segment.bytes": `${segmentBytes}`, "retention.bytes": `${4 * segmentBytes}` };
}

export const big: readonly Row[] = [
  closedProduce({
    name: "{gb} in one go, 16 KiB batches, 8p 4c w8",
    megabytes: null,
    batch: BATCH,
    partitions: PARTITIONS,
    connections: 4,
    window: 8,
    configs: rollingConfigs,
  }),
  openLoop({
    name: "{gb} at 150 MB/s, 16 KiB batches, 8p 4c",
    megabytesPerSecond: 150,
    batch: BATCH,
    partitions: PARTITIONS,
    connections: 4,
    consumers: 1,
    isLong: true,
    configs: rollingConfigs,
  }),
  besideColdReader({
    name: "20 MB/s beside a reader of {gb} from disk",
    megabytesPerSecond: 20,
    batch: BATCH,
    partitions: PARTITIONS,
    connections: 4,
    consumers: 4,
  }),
];
