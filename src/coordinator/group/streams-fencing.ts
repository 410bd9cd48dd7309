/** Members that leave a streams group, on their own or because time is up, and their timers. */
import type { Effects } from "../outcome.ts";
import { type Removal, setRebalance, setSession } from "./member-timers.ts";
import type { GroupRecord } from "./group-records.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsGroups } from "./streams-groups.ts";
import type { StreamsMember } from "./streams-member.ts";
import { streamsGroupRecord, streamsMemberTombstones } from "./streams-records.ts";

/** Removes the member, which bumps the epoch. */
export function removeStreamsMember(
  { context }: StreamsGroups,
  group: StreamsGroup,
  { memberId }: StreamsMember,
): Effects<GroupRecord> {
  const { groupId, metadataHash, validatedTopologyEpoch, assignmentConfigs } = group;
  const epoch = group.groupEpoch + 1;
  context.logger.info(`group ${groupId} has group epoch ${epoch}`);
  return {
    records: [
      ...streamsMemberTombstones(groupId, memberId),
      streamsGroupRecord(groupId, {
        epoch,
        metadataHash,
        validatedTopologyEpoch,
        assignmentConfigs,
      }),
    ],
  };
}

/** Begins the session of a member anew. */
export function keepStreamsSession(
  groups: StreamsGroups,
  group: StreamsGroup,
  memberId: string,
): void {
  const timeoutMs = groups.context.config.streams.sessionTimeoutMs(group.groupId);
  setSession(groups.context, group, memberId, timeoutMs, removal(groups, group));
}

/** A member that must give back tasks has so much time for it. */
export function awaitTaskRevocation(
  groups: StreamsGroups,
  group: StreamsGroup,
  member: StreamsMember,
): void {
  setRebalance(groups.context, group, member, removal(groups, group));
}

function removal(groups: StreamsGroups, group: StreamsGroup): Removal<StreamsMember> {
  return (member) => removeStreamsMember(groups, group, member);
}
