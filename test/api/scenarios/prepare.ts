/** What scenarios need to be there before they ask. */
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { listOffsets } from "../../../src/protocol/messages/02-list-offsets.ts";
import { createTopics } from "../../../src/protocol/messages/19-create-topics.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { updateFeatures } from "../../../src/protocol/messages/57-update-features.ts";
import { type NewBatch, buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import type { Asker } from "../asker.ts";

const LATEST = -1;
const BROKER = 4;
const DELETE = 1;
const SAFE_DOWNGRADE = 2;

/** KIP-966 is not in Bunka yet, and in Kafka it changes what brokers may be told. */
export async function withoutElr(asker: Asker): Promise<void> {
  const feature = "eligible.leader.replicas.version";
  await asker.quietly(updateFeatures, 1, {
    featureUpdates: [{ feature, maxVersionLevel: 0, upgradeType: SAFE_DOWNGRADE }],
  });
  const configs = [{ name: "min.insync.replicas", configOperation: DELETE, value: null }];
  await asker.quietly(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: BROKER, resourceName: "", configs }],
    validateOnly: false,
  });
}

/** Creates a topic and waits until the broker leads its partitions. Returns its id. */
export async function makeTopic(
  asker: Asker,
  name: string,
  numPartitions = 1,
  configs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const response = await asker.quietly(createTopics, 7, {
    topics: [
      {
        name,
        numPartitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
  });
  const created = response.topics[0]!;
  if (created.errorCode !== 0) throw new Error(`${name}: ${created.errorMessage}`);
  await asker.until(() => isLed(asker, name, numPartitions));
  return created.topicId;
}

export async function isLed(asker: Asker, name: string, partitionCount: number): Promise<boolean> {
  const partitions = Array.from({ length: partitionCount }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: LATEST,
  }));
  const response = await asker.quietly(listOffsets, 1, {
    replicaId: -1,
    topics: [{ name, partitions }],
  });
  return response.topics[0]!.partitions.every((partition) => partition.errorCode === 0);
}

export interface TestBatch extends Omit<NewBatch, "records"> {
  readonly timestamps: readonly number[];
  readonly key?: string;
}

/** Appends one batch whose records have these timestamps. */
export async function append(
  asker: Asker,
  topic: string,
  partition: number,
  { timestamps, key, ...rest }: TestBatch,
): Promise<void> {
  const records = buildBatch({
    ...rest,
    records: timestamps.map((timestamp, index) => ({
      timestamp,
      key: key === undefined ? null : Buffer.from(key),
      value: Buffer.from(`value ${index}`),
    })),
  });
  const response = await asker.quietly(produce, 9, {
    acks: -1,
    timeoutMs: 5000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  });
  const answer = response.responses[0]!.partitionResponses[0]!;
  if (answer.errorCode !== 0) throw new Error(`${topic}-${partition}: ${answer.errorCode}`);
}
