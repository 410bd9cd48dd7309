/**
 * AddRaftVoter, RemoveRaftVoter and UpdateRaftVoter (KIP-853), as the leader of a quorum of one
 * answers them. The functions answer and change nothing: a second voter would have to follow the
 * log first, which no node can do yet, and the only voter can neither leave nor be told by others
 * where it is reached.
 */
import { ZERO_UUID } from "../base/uuid.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { addRaftVoter } from "../protocol/messages/80-add-raft-voter.ts";
import type { removeRaftVoter } from "../protocol/messages/81-remove-raft-voter.ts";
import type { updateRaftVoter } from "../protocol/messages/82-update-raft-voter.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { type RaftContext, isClusterId } from "./quorum-requests.ts";
import type { Quorum } from "./quorum.ts";
import type { VoterEndpoint } from "./voter-set.ts";

type AddRequest = Value<typeof addRaftVoter.request>;
type RemoveRequest = Value<typeof removeRaftVoter.request>;
type UpdateRequest = Value<typeof updateRaftVoter.request>;
type UpdateResponse = Input<typeof updateRaftVoter.response>;

export interface VoterAnswer {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

const { INVALID_REQUEST, UNSUPPORTED_VERSION, INCONSISTENT_CLUSTER_ID } = ErrorCode;
const FEATURE = "kraft.version";

export function answerAddVoter(
  quorum: Quorum,
  context: RaftContext,
  request: AddRequest,
): VoterAnswer {
  const key = keyOf(request.voterId, request.voterDirectoryId);
  const foreign = reasonAgainstCluster(context, request.clusterId);
  if (foreign !== null) return foreign;
  if (!isKey(request)) {
    return answer(INVALID_REQUEST, "Add voter request didn't include a valid voter");
  }
  const listener = defaultListener(quorum);
  if (!hasListener(quorum, request.listeners)) {
    return answer(
      INVALID_REQUEST,
      `Add voter request didn't include the endpoint (${textOf(request.listeners)}) for the ` +
        `default listener ListenerName(${listener})`,
    );
  }
  if (quorum.kraftVersion === 0) {
    const message = `Cluster doesn't support adding voter because the ${FEATURE} feature is 0`;
    return answer(UNSUPPORTED_VERSION, message);
  }
  if (quorum.voters.has(request.voterId)) {
    return answer(
      ErrorCode.DUPLICATE_VOTER,
      `The voter id for ${key} is already part of the set of voters [${votersOf(quorum)}].`,
    );
  }
  return answer(ErrorCode.REQUEST_TIMED_OUT, `New voter ${key} is not ready to receive requests`);
}

export function answerRemoveVoter(
  quorum: Quorum,
  context: RaftContext,
  request: RemoveRequest,
): VoterAnswer {
  const foreign = reasonAgainstCluster(context, request.clusterId);
  if (foreign !== null) return foreign;
  if (!isKey(request)) {
    return answer(INVALID_REQUEST, "Remove voter request didn't include a valid voter");
  }
  if (quorum.kraftVersion === 0) {
    const message = `Cluster doesn't support removing voter because the ${FEATURE} feature is 0`;
    return answer(UNSUPPORTED_VERSION, message);
  }
  const key = keyOf(request.voterId, request.voterDirectoryId);
  return answer(
    ErrorCode.VOTER_NOT_FOUND,
    `Cannot remove voter ${key} from the set of voters [${votersOf(quorum)}]`,
  );
}

export function answerUpdateVoter(
  quorum: Quorum,
  context: RaftContext,
  request: UpdateRequest,
): UpdateResponse {
  const endpoint = quorum.leaderEndpoint(context.listener);
  return {
    throttleTimeMs: 0,
    errorCode: reasonAgainstUpdate(quorum, context, request),
    currentLeader: {
      leaderId: quorum.leaderId,
      leaderEpoch: quorum.epoch,
      host: endpoint?.host ?? "",
      port: endpoint?.port ?? 0,
    },
  };
}

function reasonAgainstUpdate(
  quorum: Quorum,
  context: RaftContext,
  request: UpdateRequest,
): ErrorCode {
  const { currentLeaderEpoch, voterId, voterDirectoryId, kRaftVersionFeature } = request;
  const { minSupportedVersion: min, maxSupportedVersion: max } = kRaftVersionFeature;
  if (!isClusterId(context, request.clusterId)) return INCONSISTENT_CLUSTER_ID;
  if (currentLeaderEpoch < quorum.epoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (currentLeaderEpoch > quorum.epoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
  if (!isKey(request) || !hasListener(quorum, request.listeners)) return INVALID_REQUEST;
  if (min < 0 || max < min) return INVALID_REQUEST;
  const known = quorum.voters.get(voterId);
  const hasDirectoryIds = quorum.kraftVersion > 0;
  if (min > quorum.kraftVersion || max < quorum.kraftVersion) return INVALID_REQUEST;
  if (known === undefined) return ErrorCode.VOTER_NOT_FOUND;
  if (hasDirectoryIds && known.directoryId !== voterDirectoryId) return ErrorCode.VOTER_NOT_FOUND;
  const isSame = textOf(known.endpoints) === textOf(request.listeners);
  return isSame ? ErrorCode.NONE : INVALID_REQUEST;
}

function answer(errorCode: ErrorCode, errorMessage: string): VoterAnswer {
  return { errorCode, errorMessage };
}

function reasonAgainstCluster(context: RaftContext, clusterId: string | null): VoterAnswer | null {
  if (isClusterId(context, clusterId)) return null;
  return answer(
    INCONSISTENT_CLUSTER_ID,
    `The given id "${clusterId}" doesn't match the cluster id "${context.clusterId}"`,
  );
}

interface VoterKey {
  readonly voterId: number;
  readonly voterDirectoryId: string;
}

function isKey({ voterId, voterDirectoryId }: VoterKey): boolean {
  return voterId >= 0 && voterDirectoryId !== ZERO_UUID;
}

function defaultListener(quorum: Quorum): string {
  return quorum.local.endpoints[0]?.name ?? "";
}

function hasListener(quorum: Quorum, endpoints: readonly VoterEndpoint[]): boolean {
  return endpoints.some(({ name }) => name.toUpperCase() === defaultListener(quorum));
}

/** As Kafka's log has them. */
function keyOf(id: number, directoryId: string): string {
  const directory = directoryId === ZERO_UUID ? "<undefined>" : directoryId;
  return `ReplicaKey(id=${id}, directoryId=${directory})`;
}

function votersOf(quorum: Quorum): string {
  return [...quorum.voters.values()].map((voter) => keyOf(voter.id, voter.directoryId)).join(", ");
}

function textOf(endpoints: readonly VoterEndpoint[]): string {
  const texts = endpoints.map(({ name, host, port }) => `${name.toUpperCase()}://${host}:${port}`);
  return texts.toSorted().join(", ");
}
