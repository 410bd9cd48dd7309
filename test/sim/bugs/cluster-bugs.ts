/**
 * Bugs that take several nodes. Those of replication are planted as in the model of it, which finds
 * each within some thousands of quick runs (test/partition/replication-model); here they have to
 * show themselves to clients of whole clusters, or in the files.
 */
import { FAULTS } from "../../partition/replication-model/faults.ts";
import type { SourceEdit } from "../../source-faults.ts";
import type { Trouble } from "../cluster/nemesis.ts";
import type { Bug } from "./bug.ts";

const ALL: readonly Trouble[] = ["kill", "power loss", "freeze", "cut", "resets"];

export const CLUSTER_BUGS: readonly Bug[] = [
  known("followers-go-back-to-their-high-watermark", "KIP-101: a follower goes back"),
  known("followers-keep-what-their-leader-has-not", "KIP-101: a follower keeps"),
];

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
