import type { Bug } from "./bug.ts";
import { CLUSTER_BUGS } from "./cluster-bugs.ts";
import { NODE_BUGS } from "./node-bugs.ts";
import { RAFT_BUGS } from "./raft-bugs.ts";

export const BUGS: readonly Bug[] = [...RAFT_BUGS, ...NODE_BUGS, ...CLUSTER_BUGS];

export function bugNamed(name: string): Bug {
  const bug = BUGS.find((each) => each.name === name);
  if (bug === undefined) throw new Error(`no bug is named ${name}`);
  return bug;
}
