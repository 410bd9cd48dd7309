/** What a heartbeat makes of the topology of its group, of its topics, and of the epoch. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { METADATA_REFRESH_INTERVAL_MS } from "./consumer-subscriptions.ts";
import type { GroupChange } from "./group-change.ts";
import type { StreamsHeartbeatRequest } from "./group-messages.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { assignmentConfigsOf } from "./streams-assignment.ts";
import { NOT_VALIDATED, type StreamsGroup } from "./streams-group.ts";
import type { StreamsGroups } from "./streams-groups.ts";
import { sameTexts } from "./streams-member.ts";
import { streamsGroupRecord, streamsTopologyRecord } from "./streams-records.ts";
import { type StreamsProblem, StreamsStatus } from "./streams-status.ts";
import { type ConfiguredTopology, configureTopology } from "./streams-topics.ts";
import { sameTopology, type StreamsTopology, topologyOf } from "./streams-topology.ts";

export type StreamsChange = GroupChange<StreamsGroup, StreamsGroups>;

/** The first member's topology is the group's. Kafka 4.3 knows no way to another one yet. */
export function changeTopology(
  { group, records }: StreamsChange,
  { topology: said }: StreamsHeartbeatRequest,
): StreamsTopology | GroupRefusal {
  const known = group.topology;
  // A member that goes on is in a group with a topology, unless the log was made by nobody.
  if (said === null) return known ?? new GroupRefusal(ErrorCode.UNKNOWN_SERVER_ERROR);
  const topology = topologyOf(said);
  if (topology instanceof GroupRefusal) return topology;
  if (known === null) {
    records.push(streamsTopologyRecord(group.groupId, topology.value));
    return topology;
  }
  if (known.epoch > topology.epoch || sameTopology(known, topology)) return known;
  return new GroupRefusal(ErrorCode.INVALID_REQUEST, "Topology updates are not supported yet.");
}

export interface ChangedTopics {
  readonly configured: ConfiguredTopology;
  readonly groupEpoch: number;
  readonly assignmentConfigs: ReadonlyMap<string, string>;
}

/** Looks at the topics where that is due; a new epoch where they, or settings, are others. */
export function changeTopics(
  change: StreamsChange,
  topology: StreamsTopology,
  hasOtherMetadata: boolean,
): ChangedTopics | GroupRefusal {
  const { group, groups, records } = change;
  const { clock, topics, logger } = groups.context;
  const { groupId } = group;
  const isDue = group.topology === null || group.hasMetadataExpired(clock.wallMs());
  let configured = group.configuredTopology;
  let { metadataHash } = group;
  if (isDue || configured === null) {
    metadataHash = groups.hashes.ofGroup(topology.requiredTopics);
    if (configured === null || group.topology === null || metadataHash !== group.metadataHash) {
      const anew = configureTopology(topology, topics);
      if (anew instanceof GroupRefusal) return anew;
      configured = anew;
      logger.info(`group ${groupId}: topology ${topology.epoch} ${describe(anew)}`);
      // A group that is only about to be there learns of it at its next heartbeat, as in Kafka.
      if (groups.get(groupId) !== undefined) {
        change.whenApplied((applied) => (applied.configuredTopology = anew));
      }
    }
  }
  const validatedTopologyEpoch = configured.problem === null ? topology.epoch : NOT_VALIDATED;
  const assignmentConfigs = assignmentConfigsOf(groups, groupId);
  const isBumped =
    hasOtherMetadata ||
    metadataHash !== group.metadataHash ||
    validatedTopologyEpoch !== group.validatedTopologyEpoch ||
    !sameTexts(assignmentConfigs, group.assignmentConfigs);
  let { groupEpoch } = group;
  if (isBumped) {
    groupEpoch += 1;
    const value = { epoch: groupEpoch, metadataHash, validatedTopologyEpoch, assignmentConfigs };
    records.push(streamsGroupRecord(groupId, value));
    groups.context.stats.streamsRebalances++;
    logger.info(`group ${groupId} has group epoch ${groupEpoch}`);
  }
  if (isDue || isBumped) {
    const metadataRefresh = { dueMs: clock.wallMs() + METADATA_REFRESH_INTERVAL_MS, groupEpoch };
    change.whenApplied((applied) => (applied.metadataRefresh = metadataRefresh));
  }
  return { configured, groupEpoch, assignmentConfigs };
}

function describe({ problem }: ConfiguredTopology): string {
  return problem === null ? "has all its topics" : `is not ready: ${problem.statusDetail}`;
}

export function staleTopology(own: number, current: number): StreamsProblem {
  const behind = `is behind the group's topology epoch ${current}.`;
  const statusDetail = `The member's topology epoch ${own} ${behind}`;
  return { statusCode: StreamsStatus.STALE_TOPOLOGY, statusDetail };
}
