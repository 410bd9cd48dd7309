/**
 * DescribeLogDirs, v1-5. Describes log directories and the replicas in them.
 *
 * - v2: flexible.
 * - v3: top-level error code.
 * - v4: total and usable bytes (KIP-827).
 * - v5: whether a directory is cordoned.
 */
import { api, array, boolean, int16, int32, int64, string, struct } from "../schema.ts";

export const describeLogDirs = api({
  key: 35,
  name: "DescribeLogDirs",
  versions: [1, 5],
  flexibleFrom: 2,
  listeners: ["broker"],
  request: struct({
    topics: array(struct({ topic: string, partitions: array(int32) })).nullable(),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16.since(3).ignorable(),
    results: array(
      struct({
        errorCode: int16,
        logDir: string,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({
                partitionIndex: int32,
                partitionSize: int64,
                offsetLag: int64,
                isFutureKey: boolean,
              }),
            ),
          }),
        ),
        totalBytes: int64.since(4).default(-1).ignorable(),
        usableBytes: int64.since(4).default(-1).ignorable(),
        isCordoned: boolean.since(5).default(false).ignorable(),
      }),
    ),
  }),
});
