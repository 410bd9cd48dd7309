/**
 * WriteTxnMarkers, v1-2. Writes the markers that end transactions; coordinators send it to leaders.
 *
 * - v1: flexible.
 * - v2: transaction version of each marker (KIP-1228).
 */
import { api, array, boolean, int16, int32, int64, int8, string, struct } from "../schema.ts";

export const writeTxnMarkers = api({
  key: 27,
  name: "WriteTxnMarkers",
  versions: [1, 2],
  flexibleFrom: 1,
  listeners: ["broker"],
  clusterAction: true,
  request: struct({
    markers: array(
      struct({
        producerId: int64,
        producerEpoch: int16,
        transactionResult: boolean,
        topics: array(struct({ name: string, partitionIndexes: array(int32) })),
        coordinatorEpoch: int32,
        transactionVersion: int8.since(2).default(0).ignorable(),
      }),
    ),
  }),
  response: struct({
    markers: array(
      struct({
        producerId: int64,
        topics: array(
          struct({
            name: string,
            partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
          }),
        ),
      }),
    ),
  }),
});
