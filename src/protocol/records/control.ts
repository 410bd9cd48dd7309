/**
 * Keys and values of the records in control batches: ends of transactions, and what KRaft writes
 * into its own log.
 */
import { array, int16, int32, int64, message, string, struct, uint16, uuid } from "../schema.ts";

export const controlRecordTypeSchema = message({
  name: "ControlRecordTypeSchema",
  versions: [0, 0],
  fields: struct({ type: int16 }),
});

export const endTxnMarker = message({
  name: "EndTxnMarker",
  versions: [0, 0],
  fields: struct({ coordinatorEpoch: int32 }),
});

export const kRaftVersionRecord = message({
  name: "KRaftVersionRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ version: int16, kRaftVersion: int16 }),
});

const voter = struct({ voterId: int32, voterDirectoryId: uuid.since(1) });

export const leaderChangeMessage = message({
  name: "LeaderChangeMessage",
  versions: [0, 1],
  flexibleFrom: 0,
  fields: struct({
    version: int16,
    leaderId: int32,
    voters: array(voter),
    grantingVoters: array(voter),
  }),
});

export const snapshotFooterRecord = message({
  name: "SnapshotFooterRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ version: int16 }),
});

export const snapshotHeaderRecord = message({
  name: "SnapshotHeaderRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ version: int16, lastContainedLogTimestamp: int64 }),
});

export const votersRecord = message({
  name: "VotersRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    version: int16,
    voters: array(
      struct({
        voterId: int32,
        voterDirectoryId: uuid,
        endpoints: array(struct({ name: string, host: string, port: uint16 })),
        kRaftVersionFeature: struct({ minSupportedVersion: int16, maxSupportedVersion: int16 }),
      }),
    ),
  }),
});
