/** The record that stands for a classic group. */
import { assert } from "../../base/assert.ts";
import type { ClassicGroup, RecordedGroup } from "./classic-group.ts";
import type { ClassicMember } from "./classic-member.ts";
import type { GroupMemberValue, GroupMetadataRecord, GroupMetadataValue } from "./group-records.ts";

/** What is written when a group is first heard of, before anybody has joined. */
export function newGroupRecord(groupId: string, nowMs: number): GroupMetadataRecord {
  const recorded = {
    generationId: 0,
    protocolType: null,
    protocolName: null,
    leaderId: null,
    stateSinceMs: nowMs,
  };
  return groupMetadataRecord(groupId, recorded, []);
}

/** The present generation, its members and what each of them is assigned. */
export function generationRecord(
  group: ClassicGroup,
  assignmentOf: (member: ClassicMember) => Buffer,
): GroupMetadataRecord {
  const members = [...group.members.values()].map((member) => {
    const subscription = member.metadataOf(group.protocolName);
    assert(subscription !== null, "each member supports the chosen protocol");
    return {
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription,
      assignment: assignmentOf(member),
    };
  });
  return groupMetadataRecord(group.groupId, group, members);
}

export function groupMetadataRecord(
  groupId: string,
  recorded: RecordedGroup,
  members: GroupMemberValue[],
): GroupMetadataRecord {
  const value: GroupMetadataValue = {
    protocolType: recorded.protocolType ?? "",
    generation: recorded.generationId,
    protocol: recorded.protocolName,
    leader: recorded.leaderId,
    currentStateTimestamp: recorded.stateSinceMs,
    members,
  };
  return { type: "groupMetadata", group: groupId, value };
}

export function recordedGroupOf(value: GroupMetadataValue): RecordedGroup {
  return {
    generationId: value.generation,
    protocolType: value.protocolType === "" ? null : value.protocolType,
    protocolName: value.protocol,
    leaderId: value.leader,
    stateSinceMs: value.currentStateTimestamp,
  };
}
