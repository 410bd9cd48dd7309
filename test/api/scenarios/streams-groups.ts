/** Streams groups (KIP-1071): their members, tasks, topics and offsets. */
import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../../src/protocol/messages/09-offset-fetch.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { describeGroups } from "../../../src/protocol/messages/15-describe-groups.ts";
import { listGroups } from "../../../src/protocol/messages/16-list-groups.ts";
import { createPartitions } from "../../../src/protocol/messages/37-create-partitions.ts";
import { deleteGroups } from "../../../src/protocol/messages/42-delete-groups.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { offsetDelete } from "../../../src/protocol/messages/47-offset-delete.ts";
import { consumerGroupHeartbeat } from "../../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribe } from "../../../src/protocol/messages/69-consumer-group-describe.ts";
import { streamsGroupHeartbeat } from "../../../src/protocol/messages/88-streams-group-heartbeat.ts";
import { streamsGroupDescribe } from "../../../src/protocol/messages/89-streams-group-describe.ts";
import type { Asker, Scenario } from "../asker.ts";
import { awaitCoordinator } from "./groups.ts";
import { isLed, makeTopic } from "./prepare.ts";
import {
  describeStreams,
  GROUP_RESOURCE,
  internalTopic,
  NO_TASKS,
  PLAIN,
  STREAMS_SETTINGS,
  type StreamsBeat,
  streamsBeat,
  streamsBeating,
  subtopology,
  type SubtopologyInput,
  type TaskInput,
  type TopologyInput,
} from "./streams-kit.ts";

function tasks(...active: TaskInput[]) {
  return { ...NO_TASKS, activeTasks: active };
}

export const streamsGroupsScenario: Scenario = {
  name: "streams-groups",
  settings: STREAMS_SETTINGS,
  async run(asker) {
    await makeTopic(asker, "t", 4);
    await makeTopic(asker, "u", 2);
    await awaitCoordinator(asker);
    await askWrongly(asker);
    await haveTopologies(asker);
    await liveOneLife(asker);
    await haveState(asker);
    await shareWithAnother(asker);
    await beReachable(asker);
    await stopAll(asker);
    await haveOffsets(asker);
    await changeProtocols(asker);
    await change(asker);
  },
};

async function askWrongly(asker: Asker): Promise<void> {
  const task = { subtopologyId: "0", partitions: [0] };
  const offset = { subtopologyId: "0", partition: 0, offset: 1 };
  const regex = [subtopology("0", { sourceTopics: ["t"], sourceTopicRegex: ["a.*"] })];
  const wrong: Partial<StreamsBeat>[] = [
    { groupId: "" },
    { groupId: " " },
    { memberId: "" },
    { rackId: "" },
    { instanceId: "i" },
    { instanceId: "" },
    { taskOffsets: [] },
    { taskEndOffsets: [offset] },
    { warmupTasks: [task] },
    { warmupTasks: null },
    { activeTasks: null },
    { activeTasks: [task] },
    { standbyTasks: [task] },
    { standbyTasks: null },
    { rebalanceTimeoutMs: -1 },
    { topology: null },
    { topology: { epoch: 0, subtopologies: regex } },
    { topology: { epoch: -1, subtopologies: [] } },
    { topology: { epoch: 0, subtopologies: [] } },
    { memberEpoch: -1 },
    { memberEpoch: -1, memberId: "" },
    { memberEpoch: -2 },
    { memberEpoch: -3 },
    { memberEpoch: 7 },
    { memberEpoch: 7, topology: PLAIN },
    { memberEpoch: 7, activeTasks: [] },
    { memberEpoch: 7, activeTasks: [], standbyTasks: [] },
  ];
  for (const [index, rest] of wrong.entries()) {
    await streamsBeat(asker, streamsBeating(`wrong-${index}`, "m", rest), `wrong ${index}`);
  }
  await describeStreams(asker, "absent", "wrong-3", "", "absent", "absent");
  await describeStreams(asker, "none");
}

async function haveTopologies(asker: Asker): Promise<void> {
  const of = (...subtopologies: SubtopologyInput[]): TopologyInput => ({ epoch: 0, subtopologies });
  const t = { sourceTopics: ["t"] };
  const group = (sourceTopics: number[], repartitionSourceTopics: number[] = []) => ({
    sourceTopics,
    sourceTopicRegex: [],
    repartitionSourceTopics,
  });
  const joined = (partitions: number, copartitionGroups = [group([0], [0])]) =>
    of(
      subtopology("0", { ...t, repartitionSinkTopics: ["r"] }),
      subtopology("1", {
        sourceTopics: ["u"],
        repartitionSourceTopics: [internalTopic("r", { partitions })],
        copartitionGroups,
      }),
    );
  const topologies: TopologyInput[] = [
    of(subtopology("0", t), subtopology("0", t)),
    of(subtopology("0")),
    of(subtopology("0", { sourceTopics: ["absent", "b", "a", "t", "z"] })),
    of(subtopology("0", { sourceTopics: ["absent"] })),
    of(subtopology("0", { sourceTopics: ["__consumer_offsets"] })),
    of(subtopology("0", { sourceTopics: ["not a name", ""] })),
    of(subtopology("0", { ...t, stateChangelogTopics: [internalTopic("c", { partitions: 4 })] })),
    of(subtopology("0", { ...t, stateChangelogTopics: [internalTopic("u")] })),
    of(subtopology("0", { ...t, repartitionSourceTopics: [internalTopic("r")] })),
    of(
      subtopology("0", {
        repartitionSourceTopics: [internalTopic("r")],
        repartitionSinkTopics: ["r"],
      }),
    ),
    of(subtopology("0", { sourceTopics: ["t", "u"], copartitionGroups: [group([0, 1])] })),
    of(subtopology("0", { ...t, copartitionGroups: [group([1])] })),
    of(subtopology("0", { ...t, copartitionGroups: [group([])] })),
    joined(3),
    joined(-5, []),
    of(
      subtopology("0", {
        ...t,
        stateChangelogTopics: [
          internalTopic("c", {
            topicConfigs: [
              { key: "a", value: "b" },
              { key: "a", value: "c" },
            ],
          }),
        ],
      }),
    ),
    of(subtopology("0", { ...t, stateChangelogTopics: [internalTopic("c"), internalTopic("c")] })),
  ];
  for (const [index, topology] of topologies.entries()) {
    const groupId = `topology-${index}`;
    await streamsBeat(asker, streamsBeating(groupId, "m", { topology }), `topology ${index}`);
    await describeStreams(asker, `topology ${index}`, groupId);
    await streamsBeat(asker, streamsBeating(groupId, "m", { memberEpoch: 2 }), `goes on ${index}`);
    await describeStreams(asker, `once more ${index}`, groupId);
  }
}

async function liveOneLife(asker: Asker): Promise<void> {
  const said = {
    rackId: "rack",
    clientTags: [
      { key: "zone", value: "a" },
      { key: "disk", value: "b" },
    ],
    endpointInformationEpoch: 7,
  };
  await streamsBeat(asker, streamsBeating("one", "m", said), "joins");
  await describeStreams(asker, "joined", "one");
  const all = { subtopologyId: "0", partitions: [0, 1, 2, 3] };
  await streamsBeat(asker, streamsBeating("one", "m", { memberEpoch: 2 }), "goes on");
  await describeStreams(asker, "goes on", "one");
  const owned = { memberEpoch: 2, ...tasks(all) };
  await streamsBeat(asker, streamsBeating("one", "m", owned), "has them");
  const wrong = [
    tasks({ subtopologyId: "1", partitions: [0] }),
    tasks({ subtopologyId: "0", partitions: [4] }),
    tasks({ subtopologyId: "0", partitions: [-1] }),
    { ...NO_TASKS, standbyTasks: [{ subtopologyId: "0", partitions: [9] }] },
  ];
  for (const [index, rest] of wrong.entries()) {
    const request = streamsBeating("one", "m", { memberEpoch: 2, ...rest });
    await streamsBeat(asker, request, `has what is not there ${index}`);
  }
  for (const memberEpoch of [1, 3]) {
    await streamsBeat(asker, streamsBeating("one", "m", { memberEpoch }), `epoch ${memberEpoch}`);
  }
  await streamsBeat(asker, streamsBeating("one", "n", { memberEpoch: 2 }), "somebody else");
  const twice = { clientTags: [said.clientTags[0]!, said.clientTags[0]!] };
  await streamsBeat(
    asker,
    streamsBeating("one", "m", { memberEpoch: 2, ...twice }),
    "one tag twice",
  );
  await streamsBeat(asker, streamsBeating("one", "m", { memberEpoch: 2, rackId: "x" }), "moves");
  await streamsBeat(asker, streamsBeating("one", "m"), "joins again");
  const newer = { topology: { ...PLAIN, epoch: 1 } };
  await streamsBeat(asker, streamsBeating("one", "m", newer), "another topology");
  await streamsBeat(asker, streamsBeating("one", "n", { memberEpoch: -1 }), "another leaves");
  await streamsBeat(asker, streamsBeating("one", "m", { memberEpoch: -1 }), "leaves");
  await describeStreams(asker, "left", "one");
  await streamsBeat(asker, streamsBeating("one", "m", { memberEpoch: 3 }), "is gone");
  await streamsBeat(asker, streamsBeating("one", "n"), "another comes");
  const request = { groupIds: ["one", "absent"], includeAuthorizedOperations: true };
  await asker.ask(streamsGroupDescribe, 0, request, "operations");
}

/** Counts what is in `t` by another key. */
const COUNTING: TopologyInput = {
  epoch: 3,
  subtopologies: [
    subtopology("0", { sourceTopics: ["t"], repartitionSinkTopics: ["app-r-repartition"] }),
    subtopology("1", {
      repartitionSourceTopics: [
        internalTopic("app-r-repartition", {
          topicConfigs: [{ key: "cleanup.policy", value: "delete" }],
        }),
      ],
      stateChangelogTopics: [
        internalTopic("app-c-changelog", {
          replicationFactor: 1,
          topicConfigs: [{ key: "cleanup.policy", value: "compact" }],
        }),
      ],
    }),
  ],
};

async function haveState(asker: Asker): Promise<void> {
  const topology = COUNTING;
  await streamsBeat(
    asker,
    streamsBeating("app", "m1", { topology }),
    "internal topics are missing",
  );
  await describeStreams(asker, "internal topics are missing", "app");
  await asker.until(() => isLed(asker, "app-r-repartition", 4));
  await asker.until(() => isLed(asker, "app-c-changelog", 4));
  await asker.until(async () => {
    const request = streamsBeating("app", "m1", { memberEpoch: 2 });
    const { memberEpoch } = await asker.quietly(streamsGroupHeartbeat, 0, request);
    return memberEpoch === 3;
  });
  await describeStreams(asker, "internal topics are there", "app");
  await streamsBeat(asker, streamsBeating("app", "m1", { memberEpoch: 3 }), "goes on");
  const stale = { topology: { ...COUNTING, epoch: 2 } };
  await streamsBeat(asker, streamsBeating("app", "old", stale), "an older topology");
  await streamsBeat(asker, streamsBeating("app", "old", { memberEpoch: 4 }), "still older");
  await streamsBeat(asker, streamsBeating("app", "old", { memberEpoch: -1 }), "leaves");
  const impossible = internalTopic("bad-changelog", {
    topicConfigs: [{ key: "no.such.config", value: "1" }],
  });
  const bad = {
    topology: {
      epoch: 0,
      subtopologies: [
        subtopology("0", { sourceTopics: ["u"], stateChangelogTopics: [impossible] }),
      ],
    },
  };
  await streamsBeat(asker, streamsBeating("bad", "m", bad), "a topic that cannot be");
  await asker.until(async () => {
    const request = streamsBeating("bad", "m", { memberEpoch: 2 });
    const { status } = await asker.quietly(streamsGroupHeartbeat, 0, request);
    return status?.some(({ statusDetail }) => statusDetail.includes("failed")) === true;
  });
  await streamsBeat(asker, streamsBeating("bad", "m", { memberEpoch: 2 }), "it could not be");
}

async function shareWithAnother(asker: Asker): Promise<void> {
  const group = "app";
  const all = [
    { subtopologyId: "0", partitions: [0, 1, 2, 3] },
    { subtopologyId: "1", partitions: [0, 1, 2, 3] },
  ];
  const half = [
    { subtopologyId: "0", partitions: [0, 1] },
    { subtopologyId: "1", partitions: [0, 1] },
  ];
  const go = (memberId: string, memberEpoch: number, label: string, rest = {}) =>
    streamsBeat(asker, streamsBeating(group, memberId, { memberEpoch, ...rest }), label);
  await go("m1", 3, "sees who has gone", tasks(...all));
  await describeStreams(asker, "one is left", group);
  await go("m2", 0, "the second must wait", { topology: COUNTING });
  await go("m1", 5, "is told to give back");
  await describeStreams(asker, "must give back", group);
  await go("m1", 5, "has all", tasks(...all));
  await go("m2", 6, "still waits", NO_TASKS);
  const [answer] = [await go("m1", 5, "gives back", tasks(...half))];
  await go("m1", 5, "missed the answer", tasks(...half));
  await go("m2", 6, "gets them", NO_TASKS);
  await describeStreams(asker, "stable", group);
  await standBy(asker, answer.memberEpoch);
}

async function standBy(asker: Asker, epoch: number): Promise<void> {
  const group = "app";
  const name = "streams.num.standby.replicas";
  for (const value of ["1", "3", "-1", "x"]) {
    const configs = [{ name, configOperation: 0, value }];
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: group, configs }];
    await asker.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false }, value);
  }
  await asker.until(async () => {
    const request = streamsBeating(group, "m1", { memberEpoch: epoch });
    const { memberEpoch } = await asker.quietly(streamsGroupHeartbeat, 0, request);
    return memberEpoch === epoch + 1;
  });
  await describeStreams(asker, "with standbys", group);
  const go = (memberId: string, memberEpoch: number, label: string, rest = {}) =>
    streamsBeat(asker, streamsBeating(group, memberId, { memberEpoch, ...rest }), label);
  await go("m2", epoch, "gets standbys, too");
  await describeStreams(asker, "both have standbys", group);
  await go("m1", -1, "leaves");
  await go("m2", epoch + 1, "its standbys become active");
  await describeStreams(asker, "the rest has all", group);
  await go("m2", epoch + 1, "has given back its standbys", tasks());
  await go("m2", epoch + 2, "gets all");
  await describeStreams(asker, "all of it", group);
}

async function beReachable(asker: Asker): Promise<void> {
  const group = "reachable";
  const at = (port: number) => ({ userEndpoint: { host: "h", port } });
  const go = (memberId: string, memberEpoch: number, label: string, rest = {}) =>
    streamsBeat(asker, streamsBeating(group, memberId, { memberEpoch, ...rest }), label);
  await go("m1", 0, "the first can be reached", at(1));
  await go("m1", 2, "knows nothing of where");
  await go("m1", 2, "knows where", { endpointInformationEpoch: 1 });
  await go("m2", 0, "so can the second", at(2));
  await go("m1", 2, "gives back", { ...tasks({ subtopologyId: "0", partitions: [0, 1] }) });
  await go("m1", 3, "has given back", { ...tasks({ subtopologyId: "0", partitions: [0, 1] }) });
  await go("m2", 3, "gets them");
  await go("m1", 3, "hears of it");
  await go("m3", 0, "the third cannot be reached");
  await go("m1", 3, "moves", { ...at(9), endpointInformationEpoch: 3 });
  await describeStreams(asker, "reachable", group);
}

async function stopAll(asker: Asker): Promise<void> {
  const shutdown = { shutdownApplication: true };
  await streamsBeat(asker, streamsBeating("stop", "m1"), "joins");
  await streamsBeat(asker, streamsBeating("stop", "m2"), "joins, too");
  await streamsBeat(asker, streamsBeating("stop", "m1", { memberEpoch: 2, ...shutdown }), "stop!");
  await streamsBeat(asker, streamsBeating("stop", "m2", { memberEpoch: 3 }), "is told");
  await streamsBeat(asker, streamsBeating("stop", "m1", { memberEpoch: -1 }), "leaves");
  await streamsBeat(asker, streamsBeating("stop", "m2", { memberEpoch: 3 }), "is still told");
  await streamsBeat(
    asker,
    streamsBeating("stop", "m2", { memberEpoch: -1, ...shutdown }),
    "leaves",
  );
  await streamsBeat(asker, streamsBeating("stop", "m3"), "begins anew");
  await streamsBeat(asker, streamsBeating("fatal", "m1", shutdown), "joins and wants to stop");
  await streamsBeat(asker, streamsBeating("fatal", "m1", { memberEpoch: 2 }), "goes on");
}

async function haveOffsets(asker: Asker): Promise<void> {
  const group = "offsets";
  await streamsBeat(asker, streamsBeating(group, "m"), "joins");
  await streamsBeat(asker, streamsBeating(group, "m", { memberEpoch: 2, rackId: "x" }), "epoch 3");
  const commit = (version: number, memberId: string, epoch: number, name = "t") => {
    const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: "" }];
    const request = {
      groupId: group,
      memberId,
      generationIdOrMemberEpoch: epoch,
      topics: [{ name, partitions }],
    };
    return asker.ask(offsetCommit, version, request, `${name} by ${memberId} in epoch ${epoch}`);
  };
  for (const version of [8, 9]) {
    for (const epoch of [2, 3, 4, 1, 0, -1]) await commit(version, "m", epoch);
    await commit(version, "nobody", 2);
    await commit(version, "", -1);
    await commit(version, "m", 2, "u");
  }
  for (const [memberId, memberEpoch] of [
    ["m", 3],
    ["m", 2],
    ["m", 4],
    ["nobody", 3],
    [null, -1],
    ["m", -1],
  ] as const) {
    const topics = [{ name: "t", partitionIndexes: [0, 1] }];
    const groups = [{ groupId: group, memberId, memberEpoch, topics }];
    await asker.ask(offsetFetch, 9, { groups }, `${memberId} in epoch ${memberEpoch}`);
  }
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }] }];
  await asker.ask(offsetDelete, 0, { groupId: group, topics }, "subscribed");
  await asker.ask(deleteGroups, 2, { groupsNames: [group] }, "has a member");
  await listThem(asker);
  await asker.ask(describeGroups, 6, { groups: [group], includeAuthorizedOperations: false });
  await asker.ask(describeGroups, 5, { groups: [group], includeAuthorizedOperations: false });
  await streamsBeat(asker, streamsBeating(group, "m", { memberEpoch: -1 }), "leaves");
  await commit(9, "", -1);
  await commit(9, "m", 2);
  await asker.ask(offsetDelete, 0, { groupId: group, topics }, "empty");
  await asker.ask(deleteGroups, 2, { groupsNames: [group] }, "empty");
  await asker.ask(deleteGroups, 2, { groupsNames: [group] }, "gone");
  await describeStreams(asker, "deleted", group);
}

async function listThem(asker: Asker): Promise<void> {
  const filters = [
    { typesFilter: ["streams"] },
    { typesFilter: ["Streams", "classic"] },
    { statesFilter: ["stable"] },
    { statesFilter: ["Empty"], typesFilter: ["streams"] },
    { statesFilter: ["not_ready"] },
    { statesFilter: ["reconciling", "ASSIGNING"] },
  ];
  for (const filter of filters) {
    const request = { statesFilter: [], typesFilter: [], ...filter };
    await asker.ask(listGroups, 5, request);
  }
}

async function changeProtocols(asker: Asker): Promise<void> {
  const join = (groupId: string, memberId: string) => {
    const request = {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.alloc(0) }],
    };
    return asker.ask(joinGroup, 9, request, groupId);
  };
  const consumer = {
    groupId: "turning",
    memberId: "c",
    memberEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: ["t"],
    topicPartitions: [],
  };
  await streamsBeat(asker, streamsBeating("turning", "m"), "joins");
  await join("turning", "");
  await asker.ask(consumerGroupHeartbeat, 1, consumer, "to a streams group");
  const described = { groupIds: ["turning"], includeAuthorizedOperations: false };
  await asker.ask(consumerGroupDescribe, 1, described, "a streams group");
  await streamsBeat(asker, streamsBeating("turning", "m", { memberEpoch: -1 }), "leaves");
  await asker.ask(consumerGroupHeartbeat, 1, consumer, "to an empty streams group");
  await streamsBeat(asker, streamsBeating("turning", "m"), "is a streams group still");
  await streamsBeat(asker, streamsBeating("turning", "m", { memberEpoch: -1 }), "leaves again");
  await join("turning", "");
  // Kafka answers who has no id before its records are committed.
  await asker.until(async () => {
    const { groups } = await asker.quietly(listGroups, 5, { typesFilter: ["classic"] });
    return groups.some(({ groupId }) => groupId === "turning");
  });
  await listOf(asker, "turning");
  await streamsBeat(asker, streamsBeating("turning", "m"), "takes an empty classic group");
  await listOf(asker, "turning");
  const commits = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: "" }];
  const simple = {
    groupId: "simple",
    memberId: "",
    generationIdOrMemberEpoch: -1,
    topics: [{ name: "t", partitions: commits }],
  };
  await asker.ask(offsetCommit, 9, simple);
  await streamsBeat(asker, streamsBeating("simple", "m"), "takes a group with offsets alone");
  await asker.ask(consumerGroupHeartbeat, 1, { ...consumer, groupId: "consumers" }, "joins");
  await streamsBeat(asker, streamsBeating("consumers", "m"), "to a consumer group");
  await streamsBeat(asker, streamsBeating("consumers", "m", { memberEpoch: 1 }), "goes on");
  await streamsBeat(asker, streamsBeating("consumers", "m", { memberEpoch: -1 }), "leaves");
  await describeStreams(asker, "a consumer group", "consumers");
}

async function listOf(asker: Asker, groupId: string): Promise<void> {
  await asker.ask(listGroups, 5, { statesFilter: [], typesFilter: [] }, groupId, (response) => {
    response.groups = response.groups.filter((group) => group.groupId === groupId);
  });
}

async function change(asker: Asker): Promise<void> {
  const group = "changing";
  const topology = { epoch: 0, subtopologies: [subtopology("0", { sourceTopics: ["u"] })] };
  await streamsBeat(asker, streamsBeating(group, "m", { topology }), "before");
  await asker.quietly(createPartitions, 3, {
    topics: [{ name: "u", count: 3, assignments: null }],
    timeoutMs: 5_000,
    validateOnly: false,
  });
  await asker.until(() => isLed(asker, "u", 3));
  await asker.until(async () => {
    const request = streamsBeating(group, "m", { memberEpoch: 2 });
    const { memberEpoch } = await asker.quietly(streamsGroupHeartbeat, 0, request);
    return memberEpoch === 3;
  });
  await describeStreams(asker, "with another partition", group);
}
