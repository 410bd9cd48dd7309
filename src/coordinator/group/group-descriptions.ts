/** Groups as DescribeGroups and ListGroups show them. */
import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { ClassicMember } from "./classic-member.ts";
import { CONSUMER_PROTOCOL_TYPE } from "./consumer-subscription.ts";
import type { DescribedGroup, ListedGroup } from "./group-messages.ts";
import type { GroupShard } from "./group-shard.ts";
import { SHARE_PROTOCOL_TYPE } from "./share-group.ts";

/** From here on a group that does not exist is an error; before it is a dead one. */
const GROUP_ID_NOT_FOUND_VERSION = 6;
const CLASSIC_TYPE = "classic";
const CONSUMER_TYPE = "consumer";
const STREAMS_TYPE = "streams";
const SHARE_TYPE = "share";
const NO_BYTES = Buffer.alloc(0);

export function describeGroup(
  shard: GroupShard,
  groupId: string,
  apiVersion: number,
): DescribedGroup {
  const group = shard.groups.get(groupId);
  if (group === undefined) {
    const dead = { ...undescribed(groupId, ErrorCode.NONE), groupState: "Dead" };
    if (apiVersion < GROUP_ID_NOT_FOUND_VERSION) return dead;
    const isOther = shard.streams.isOther(groupId) || shard.streams.get(groupId) !== undefined;
    const reason = isOther ? "is not a classic group." : "not found.";
    const errorMessage = `Group ${groupId} ${reason}`;
    return { ...dead, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
  }
  const isStable = group.state === "Stable";
  assert(!isStable || group.protocolName !== null, "a stable group has a protocol");
  return {
    ...undescribed(groupId, ErrorCode.NONE),
    groupState: group.state,
    protocolType: group.protocolType ?? "",
    protocolData: isStable ? (group.protocolName ?? "") : "",
    members: [...group.members.values()].map((member) =>
      describeMember(member, isStable ? group.protocolName : null),
    ),
  };
}

export function undescribed(groupId: string, errorCode: ErrorCode): DescribedGroup {
  return {
    errorCode,
    errorMessage: null,
    groupId,
    groupState: "",
    protocolType: "",
    protocolData: "",
    members: [],
  };
}

/** Filters are compared without regard to case; an empty one lets everything pass. */
export function groupFilter(
  states: readonly string[],
  types: readonly string[],
): (group: ListedGroup) => boolean {
  // "not_ready" as Kafka's own filter spells it.
  const stateOf = (state: string) => state.toLowerCase().trim().replaceAll("_", "");
  const wantedStates = new Set(states.map(stateOf));
  const wantedTypes = new Set(types.map((type) => type.toLowerCase()));
  return ({ groupState = "", groupType = "" }) =>
    (wantedTypes.size === 0 || wantedTypes.has(groupType)) &&
    (wantedStates.size === 0 || wantedStates.has(stateOf(groupState)));
}

export function listedGroups(shard: GroupShard): ListedGroup[] {
  const classic = [...shard.groups.values()].map((group) => ({
    groupId: group.groupId,
    protocolType: group.protocolType ?? "",
    groupState: group.state,
    groupType: CLASSIC_TYPE,
  }));
  const consumer = [...shard.consumers.byId.values()].map((group) => ({
    groupId: group.groupId,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    groupState: group.state,
    groupType: CONSUMER_TYPE,
  }));
  const streams = [...shard.streams.byId.values()].map((group) => ({
    groupId: group.groupId,
    protocolType: STREAMS_TYPE,
    groupState: group.state,
    groupType: STREAMS_TYPE,
  }));
  const share = [...shard.shares.byId.values()].map((group) => ({
    groupId: group.groupId,
    protocolType: SHARE_PROTOCOL_TYPE,
    groupState: group.state,
    groupType: SHARE_TYPE,
  }));
  return [...classic, ...consumer, ...share, ...streams];
}

/** What a member told its assignor is shown once the group has agreed on one. */
function describeMember(
  member: ClassicMember,
  protocolName: string | null,
): DescribedGroup["members"][number] {
  return {
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    memberMetadata: member.metadataOf(protocolName) ?? NO_BYTES,
    memberAssignment: member.assignment,
  };
}
