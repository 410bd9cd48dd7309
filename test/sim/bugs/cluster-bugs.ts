/**
 * Bugs that take several nodes. Those of replication are planted as in the model of it, which finds
 * each within some thousands of quick runs (test/partition/replication-model); here they have to
 * show themselves to clients of whole clusters, or in the files.
 */
import { FAULTS } from "../../partition/replication-model/faults.ts";
import type { SourceEdit } from "../../source-faults.ts";
import type { Trouble } from "../cluster/nemesis.ts";
import type { Bug } from "./bug.ts";
import { RAFT_BUGS } from "./raft-bugs.ts";

const ALL: readonly Trouble[] = ["kill", "power loss", "freeze", "cut", "resets"];

const POWER: readonly Trouble[] = ["power loss", "kill", "cut"];

export const CLUSTER_BUGS: readonly Bug[] = [
  known("followers-go-back-to-their-high-watermark", "KIP-101: a follower goes back"),
  known("followers-keep-what-their-leader-has-not", "KIP-101: a follower keeps"),
  known("commits-with-fewer-in-sync-than-asked-for", "KIP-966: records are committed"),
  known("a-new-leader-takes-all-for-committed", "a new leader takes all"),
  clusterBug(
    "who-comes-back-uncleanly-stays-in-sync",
    "KIP-966: another incarnation is out of sync until it has caught up",
    POWER,
    [
      {
        file: "src/metadata/controller/register-broker.ts",
        find: `    if (!isSameIncarnation && existing !== null) {`,
        replace: `    if (!isSameIncarnation && existing !== null && existing.fenced) {`,
      },
    ],
  ),
  quorum("leader-does-not-compare-epochs", ALL),
  {
    ...clusterBug(
      "group-commits-do-not-replace-older-ones",
      "what a member goes on from is the last commit that was answered",
      ["kill"],
      [
        {
          file: "src/coordinator/group/offset-store.ts",
          find: `    if (producerId === NO_PRODUCER_ID) this.committed.put(group, topic, partition, offset);\n`,
          replace: `    if (producerId === NO_PRODUCER_ID) {
      const old = this.committed.get(group, topic, partition);
      if (old === undefined) this.committed.put(group, topic, partition, offset);
    }\n`,
        },
      ],
    ),
    hunt: {
      ground: "cluster",
      options: { nodeCount: 3, troubles: ["kill"], groups: ["classic", "consumer"] },
    },
  },
];

/** As the pure core has it: here whole nodes have to show it. */
function quorum(name: string, troubles: readonly Trouble[]): Bug {
  const bug = RAFT_BUGS.find((each) => each.name === `raft-${name}`);
  if (bug === undefined) throw new Error(`no bug of the quorum is named ${name}`);
  return clusterBug(`quorum-${name}`, bug.reference, troubles, bug.edits);
}

function known(name: string, of: string): Bug {
  const fault = FAULTS.find((each) => each.name.startsWith(of));
  if (fault === undefined) throw new Error(`no fault of the model begins with: ${of}`);
  return clusterBug(name, fault.name, ALL, fault.edits);
}

function clusterBug(
  name: string,
  reference: string,
  troubles: readonly Trouble[],
  edits: readonly SourceEdit[],
): Bug {
  const options = { nodeCount: 3, troubles };
  const hunt = { ground: "cluster", options } as const;
  return { name: `cluster-${name}`, reference, edits, seedsMax: 150, hunt };
}
