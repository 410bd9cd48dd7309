/** Streams groups (KIP-1071) where settings and features set bounds to them. */
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { updateFeatures } from "../../../src/protocol/messages/57-update-features.ts";
import { streamsGroupHeartbeat } from "../../../src/protocol/messages/88-streams-group-heartbeat.ts";
import type { Scenario } from "../asker.ts";
import { awaitCoordinator } from "./groups.ts";
import { makeTopic } from "./prepare.ts";
import {
  describeStreams,
  GROUP_RESOURCE,
  STREAMS_SETTINGS,
  streamsBeat,
  streamsBeating,
} from "./streams-kit.ts";

export const streamsLimitsScenario: Scenario = {
  name: "streams-limits",
  settings: {
    "offsets.topic.num.partitions": "1",
    "group.streams.max.size": "2",
    "group.streams.num.standby.replicas": "1",
    "group.streams.initial.rebalance.delay.ms": "600000",
    "group.streams.assignment.interval.ms": "15000",
  },
  async run(asker) {
    await makeTopic(asker, "t", 4);
    await awaitCoordinator(asker);
    await streamsBeat(asker, streamsBeating("g", "m1"), "the first waits");
    await streamsBeat(asker, streamsBeating("g", "m1", { memberEpoch: 1 }), "goes on waiting");
    await streamsBeat(asker, streamsBeating("g", "m2"), "the second waits, too");
    await streamsBeat(asker, streamsBeating("g", "m3"), "one too many");
    await streamsBeat(asker, streamsBeating("g", "m2"), "joins again");
    await describeStreams(asker, "waiting", "g");
    const name = "streams.initial.rebalance.delay.ms";
    const configs = [{ name, configOperation: 0, value: "0" }];
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: "h", configs }];
    await asker.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false });
    await streamsBeat(asker, streamsBeating("h", "m1"), "does not wait");
    await streamsBeat(asker, streamsBeating("h", "m2"), "comes within the interval");
    await streamsBeat(asker, streamsBeating("h", "m1", { memberEpoch: 2 }), "goes on");
    await describeStreams(asker, "within the interval", "h");
  },
};

export const streamsDisabledScenario: Scenario = {
  name: "streams-disabled",
  settings: STREAMS_SETTINGS,
  async run(asker) {
    await makeTopic(asker, "t", 4);
    await awaitCoordinator(asker);
    await streamsBeat(asker, streamsBeating("g", "m"), "enabled");
    const featureUpdates = [{ feature: "streams.version", maxVersionLevel: 0, upgradeType: 2 }];
    await asker.ask(updateFeatures, 1, { featureUpdates });
    await asker.until(async () => {
      const request = streamsBeating("g", "m", { memberEpoch: 2 });
      const { errorCode } = await asker.quietly(streamsGroupHeartbeat, 0, request);
      return errorCode !== 0;
    });
    await streamsBeat(asker, streamsBeating("g", "m", { memberEpoch: 2 }), "disabled");
    await describeStreams(asker, "disabled", "g", "h");
  },
};
