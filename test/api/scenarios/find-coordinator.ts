import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { describeConfigs } from "../../../src/protocol/messages/32-describe-configs.ts";
import { type Scenario, versionsOf } from "../asker.ts";

const GROUP = 0;
const SHARE = 2;

export const findCoordinatorScenario: Scenario = {
  name: "find-coordinator",
  settings: { "offsets.topic.num.partitions": "5", "offsets.topic.segment.bytes": "1048576" },
  async run(asker) {
    await asker.ask(findCoordinator, 6, { keyType: GROUP, coordinatorKeys: ["g"] }, "first of all");
    await asker.until(async () => {
      const { coordinators } = await asker.quietly(findCoordinator, 6, {
        keyType: GROUP,
        coordinatorKeys: ["g"],
      });
      return coordinators[0]!.errorCode === 0;
    });
    for (const version of versionsOf(findCoordinator)) {
      for (const key of ["g", ""]) {
        const request = version < 4 ? { key } : { coordinatorKeys: [key] };
        await asker.ask(findCoordinator, version, request, `group "${key}"`);
        if (version < 1) continue;
        await asker.ask(findCoordinator, version, { ...request, keyType: 7 }, "no such type");
      }
    }
    for (const coordinatorKeys of [["a", "b", "a"], []]) {
      await asker.ask(findCoordinator, 6, { keyType: GROUP, coordinatorKeys });
    }
    await asker.ask(
      findCoordinator,
      5,
      { keyType: SHARE, coordinatorKeys: ["g:AAAAAAAAAAAAAAAAAAAAAA:0"] },
      "a share key before v6",
    );
    await asker.ask(metadata, 12, { topics: [{ name: "__consumer_offsets" }] });
    await asker.ask(describeConfigs, 4, {
      resources: [
        {
          resourceType: 2,
          resourceName: "__consumer_offsets",
          configurationKeys: ["cleanup.policy", "compression.type", "segment.bytes"],
        },
      ],
    });
  },
};
