/** AssignReplicasToDirs (KIP-858): a broker says on which of its log directories replicas lie. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type * as messages from "../../protocol/messages/73-assign-replicas-to-dirs.ts";
import type { Value } from "../../protocol/schema.ts";
import { DIRECTORIES_LEVEL } from "../features.ts";
import type { NewRecord } from "../record.ts";
import type { PartitionOfTopic } from "../topics-image.ts";
import { leadersWithoutBrokerOn } from "./broker-changes.ts";
import { reasonAgainstEpoch } from "./broker-heartbeat.ts";
import { type Command, divisible, unchanged } from "./command.ts";
import { changePartition } from "./partition-change.ts";

export type AssignReplicasRequest = Value<typeof messages.assignReplicasToDirs.request>;
export type AssignReplicasResponse = Value<typeof messages.assignReplicasToDirs.response>;

export function assignReplicasToDirs(
  request: AssignReplicasRequest,
): Command<AssignReplicasResponse> {
  return (state) => {
    const { brokerId, brokerEpoch } = request;
    const { topics, cluster, metadataVersion } = state.image;
    const failed = (errorCode: ErrorCode) =>
      unchanged({ throttleTimeMs: 0, errorCode, directories: [] });
    if (metadataVersion < DIRECTORIES_LEVEL) return failed(ErrorCode.UNSUPPORTED_VERSION);
    const refused = reasonAgainstEpoch(state, brokerId, brokerEpoch);
    if (refused !== null) return failed(refused.errorCode);
    const records: NewRecord[] = [];
    const onFailed: PartitionOfTopic[] = [];
    const assign = (topicId: string, partitionId: number, directory: string): ErrorCode => {
      const topic = topics.byId(topicId);
      if (topic === null) return ErrorCode.UNKNOWN_TOPIC_ID;
      const registration = topic.partitions[partitionId];
      if (registration === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (!registration.replicas.includes(brokerId)) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
      const partition = { topic, partitionId, registration };
      const record = changePartition(state, partition, { directory: { brokerId, directory } });
      if (record !== null) records.push(record);
      if (!cluster.hasOnlineDirectory(brokerId, directory)) onFailed.push(partition);
      return ErrorCode.NONE;
    };
    const directories = request.directories.map(({ id, topics: ofDirectory }) => ({
      id,
      topics: ofDirectory.map(({ topicId, partitions }) => ({
        topicId,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: assign(topicId, partitionIndex, id),
        })),
      })),
    }));
    records.push(...leadersWithoutBrokerOn(state, brokerId, onFailed));
    return divisible(records, { throttleTimeMs: 0, errorCode: ErrorCode.NONE, directories });
  };
}
