/**
 * AlterPartition, v2-3. A leader asks the controller to change the in-sync replicas (KIP-497).
 *
 * - v3: in-sync replicas with their broker epochs (KIP-903).
 */
import { api, array, int16, int32, int64, int8, struct, uuid } from "../schema.ts";

export const alterPartition = api({
  key: 56,
  name: "AlterPartition",
  versions: [2, 3],
  flexibleFrom: 0,
  listeners: ["controller"],
  clusterAction: true,
  request: struct({
    brokerId: int32,
    brokerEpoch: int64.default(-1),
    topics: array(
      struct({
        topicId: uuid.ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            leaderEpoch: int32,
            newIsr: array(int32).until(2),
            newIsrWithEpochs: array(
              struct({ brokerId: int32, brokerEpoch: int64.default(-1) }),
            ).since(3),
            leaderRecoveryState: int8.default(0),
            partitionEpoch: int32,
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    topics: array(
      struct({
        topicId: uuid.ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            leaderId: int32,
            leaderEpoch: int32,
            isr: array(int32),
            leaderRecoveryState: int8.default(0).ignorable(),
            partitionEpoch: int32,
          }),
        ),
      }),
    ),
  }),
});
