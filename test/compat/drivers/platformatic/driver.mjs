// @platformatic/kafka, under Bun: the shared scenarios as far as it can follow them.
import { runScenarios } from "../common/driver-kit.mjs";
import { adminScenarios } from "./admin.mjs";
import { dataScenarios } from "./data.mjs";
import { deathScenarios } from "./deaths.mjs";
import { groupScenarios } from "./groups.mjs";
import { Kit } from "./kit.mjs";
import { nextScenarios } from "./next.mjs";
import { transactionScenarios } from "./transactions.mjs";

await runScenarios((bootstrap) => {
  const kit = new Kit(bootstrap);
  return {
    ...adminScenarios(kit),
    ...dataScenarios(kit),
    ...groupScenarios(kit),
    ...transactionScenarios(kit),
    ...nextScenarios(kit),
    // For clusters only, where somebody kills a node meanwhile.
    ...(process.argv.includes("leader-death") ? deathScenarios(kit) : {}),
  };
});
