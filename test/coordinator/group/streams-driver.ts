/** Members of streams groups on a `GroupDriver`, and topics that change as a test says. */
import type * as messages from "../../../src/coordinator/group/group-messages.ts";
import type { StreamsAnswer } from "../../../src/coordinator/group/streams-answer.ts";
import {
  GROUP_CONFIG_DEFAULTS,
  type StreamsGroupConfig,
} from "../../../src/coordinator/group/group-config.ts";
import {
  internalTopic,
  NO_TASKS,
  type StreamsBeat,
  streamsBeating,
  subtopology,
  type TopologyInput,
} from "../../api/scenarios/streams-kit.ts";
import { FakeTopics } from "./consumer-driver.ts";
import { Call, type DriverOptions, GroupDriver } from "./group-driver.ts";

export { NO_TASKS };

/** Neither waits for others nor between two assignments, unless a test says so. */
export function streamsConfig(given: Partial<StreamsGroupConfig> = {}): StreamsGroupConfig {
  return {
    ...GROUP_CONFIG_DEFAULTS.streams,
    assignmentIntervalMs: () => 0,
    initialRebalanceDelayMs: () => 0,
    ...given,
  };
}

/** Reads `t`, and keeps state of what it reads. */
export const STATEFUL: TopologyInput = {
  epoch: 0,
  subtopologies: [
    subtopology("0", { sourceTopics: ["t"], stateChangelogTopics: [internalTopic("c")] }),
  ],
};

type Options = DriverOptions & { readonly topics?: FakeTopics };

export class StreamsDriver extends GroupDriver {
  readonly topics: FakeTopics;

  constructor(options: Options = {}) {
    const topics = options.topics ?? new FakeTopics({ t: 4, c: 4 });
    super({ ...options, config: { streams: streamsConfig(), ...options.config }, topics });
    this.topics = topics;
  }

  override restarted(): StreamsDriver {
    const { config, topics, clock, log } = this;
    const options = { config, topics, clock: clock.fork(), log: log.reopened() };
    return new StreamsDriver(options).start();
  }

  override start(): this {
    super.start();
    return this;
  }

  /** A member that joins, unless an epoch is given. */
  asking(memberId: string, given: Partial<StreamsBeat> = {}): Call<StreamsAnswer> {
    const request = streamsBeating(given.groupId ?? "g", memberId, given);
    const whole: messages.StreamsHeartbeatRequest = {
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      topology: null,
      activeTasks: null,
      standbyTasks: null,
      warmupTasks: null,
      processId: null,
      userEndpoint: null,
      clientTags: null,
      taskOffsets: null,
      taskEndOffsets: null,
      shutdownApplication: false,
      ...(request as Partial<messages.StreamsHeartbeatRequest>),
      groupId: request.groupId,
      memberId: request.memberId,
      memberEpoch: request.memberEpoch,
      endpointInformationEpoch: request.endpointInformationEpoch,
    };
    const from = { apiVersion: 0, clientId: "client", clientHost: "/10.0.0.1" };
    return new Call(this.clock, this.coordinator.streamsHeartbeat(whole, from));
  }

  answer(memberId: string, given: Partial<StreamsBeat> = {}): StreamsAnswer {
    return this.now(this.asking(memberId, given).promise);
  }

  beat(memberId: string, given: Partial<StreamsBeat> = {}): messages.StreamsHeartbeatResponse {
    return this.answer(memberId, given).response;
  }

  describeStreams(groupId = "g"): messages.StreamsDescribedGroup {
    return this.now(this.coordinator.describeStreamsGroups([groupId]))[0]!;
  }

  /** State, group epoch and assignment epoch. */
  epochs(groupId = "g"): [string, number, number] {
    const { groupState, groupEpoch, assignmentEpoch } = this.describeStreams(groupId);
    return [groupState, groupEpoch, assignmentEpoch];
  }

  memberIds(groupId = "g"): string[] {
    return this.describeStreams(groupId)
      .members.map(({ memberId }) => memberId)
      .sort();
  }
}

/** "0: 1,2" of each subtopology; null where the answer does not say. */
export function tasksIn(
  lists:
    | readonly { readonly subtopologyId: string; readonly partitions: readonly number[] }[]
    | null
    | undefined,
): string | null {
  if (lists === null || lists === undefined) return null;
  return lists.map(({ subtopologyId, partitions }) => `${subtopologyId}: ${partitions}`).join("; ");
}

export function active(...partitions: number[]): Partial<StreamsBeat> {
  const tasks = partitions.length === 0 ? [] : [{ subtopologyId: "0", partitions }];
  return { ...NO_TASKS, activeTasks: tasks };
}

export function codesIn({ status }: messages.StreamsHeartbeatResponse): number[] {
  return (status ?? []).map(({ statusCode }) => statusCode);
}
