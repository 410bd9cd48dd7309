/**
 * What a voter must not forget over a crash: the newest epoch it has seen, who leads it, and for
 * whom it voted. One line of JSON in `quorum-state`, replaced as a whole:
 *
 *   kraft.version 1  {"leaderId":1,"leaderEpoch":3,"votedId":-1,
 *                     "votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}
 *   kraft.version 0  {"clusterId":"","leaderId":1,"leaderEpoch":3,"votedId":-1,
 *                     "appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}
 *
 * Invariant: it is on disk before anything is said or written in the epoch that it names.
 */
import { isUuid, ZERO_UUID } from "../base/uuid.ts";
import type { Disk } from "../base/world.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";

export interface QuorumState {
  readonly leaderEpoch: number;
  /** -1 while none is known. */
  readonly leaderId: number;
  /** -1 before this node has voted in this epoch. */
  readonly votedId: number;
  /** ZERO_UUID where it is not known. */
  readonly votedDirectoryId: string;
}

export const NOBODY = -1;

/** A node that has never taken part in an election. */
export const FIRST_QUORUM_STATE: QuorumState = {
  leaderEpoch: 0,
  leaderId: NOBODY,
  votedId: NOBODY,
  votedDirectoryId: ZERO_UUID,
};

const QUORUM_STATE_FILE = "quorum-state";

/** `voterIds` are written, for Kafka's eyes, where the voters are static (`kraftVersion` 0). */
export function encodeQuorumState(
  state: QuorumState,
  kraftVersion: number,
  voterIds: readonly number[],
): string {
  const { leaderId, leaderEpoch, votedId, votedDirectoryId } = state;
  if (kraftVersion >= 1) {
    return JSON.stringify({ leaderId, leaderEpoch, votedId, votedDirectoryId, data_version: 1 });
  }
  return JSON.stringify({
    clusterId: "",
    leaderId,
    leaderEpoch,
    votedId,
    appliedOffset: 0,
    currentVoters: voterIds.map((voterId) => ({ voterId })),
    data_version: 0,
  });
}

/** Throws `ProtocolError`: to guess what was voted could give an epoch two leaders. */
export function decodeQuorumState(text: string): QuorumState {
  const fields = parseObject(text);
  const dataVersion = integerOf(fields, "data_version");
  if (dataVersion !== 0 && dataVersion !== 1) {
    throw new ProtocolError(`${QUORUM_STATE_FILE} has the unknown data_version ${dataVersion}`);
  }
  const votedDirectoryId = fields.get("votedDirectoryId") ?? ZERO_UUID;
  if (typeof votedDirectoryId !== "string" || !isUuid(votedDirectoryId)) {
    throw new ProtocolError(`${QUORUM_STATE_FILE} has a votedDirectoryId that is no uuid`);
  }
  return {
    leaderEpoch: integerOf(fields, "leaderEpoch"),
    leaderId: integerOf(fields, "leaderId"),
    votedId: integerOf(fields, "votedId"),
    votedDirectoryId,
  };
}

/** Null when there is no such file. */
export function readQuorumState(disk: Disk, directory: string): QuorumState | null {
  const path = `${directory}/${QUORUM_STATE_FILE}`;
  if (disk.status(path) === null) return null;
  return decodeQuorumState(disk.readWhole(path).toString("utf8"));
}

/** Resolves when it survives a loss of power. */
export function writeQuorumState(disk: Disk, directory: string, text: string): Promise<void> {
  return disk.replaceLater(`${directory}/${QUORUM_STATE_FILE}`, Buffer.from(text, "utf8"));
}

function parseObject(text: string): ReadonlyMap<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return new Map(Object.entries(parsed));
  } catch {
    // Told below, with the name of the file.
  }
  throw new ProtocolError(`${QUORUM_STATE_FILE} is not a JSON object`);
}

function integerOf(fields: ReadonlyMap<string, unknown>, name: string): number {
  const value = fields.get(name);
  if (typeof value === "number" && Number.isInteger(value) && value <= 0x7fff_ffff) return value;
  throw new ProtocolError(`${QUORUM_STATE_FILE} has no ${name}`);
}
