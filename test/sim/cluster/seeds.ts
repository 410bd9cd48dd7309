/** Seeds that once failed, each with what it showed. They run in every test. */
export interface KeptSeed {
  readonly seed: number;
  readonly nodeCount: number;
  readonly showed: string;
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 9,
    nodeCount: 1,
    showed: "a directory fails at the start, and its logs began anew in the other one, empty",
  },
  {
    seed: 86,
    nodeCount: 3,
    showed: "acknowledged when it was flushed, though another leads by then and has other records",
  },
  {
    seed: 303161,
    nodeCount: 3,
    showed: "all records of a partition are deleted before its leader is another",
  },
  {
    seed: 303236,
    nodeCount: 3,
    showed: "a coordinator that has slept tells an offset of long ago",
  },
  {
    seed: 330479,
    nodeCount: 3,
    showed: "a log that lost its topic's id with the power was of an older topic of that name",
  },
  {
    seed: 411467,
    nodeCount: 1,
    showed: "a disk that was full amid an exchange of segments had an old one of them back later",
  },
  {
    seed: 421752,
    nodeCount: 1,
    showed:
      "an index that could not be read told a reader of what is committed that nothing was aborted",
  },
  {
    seed: 423595,
    nodeCount: 3,
    showed:
      "a record of an older leader stayed where all that it could be compared with is deleted",
  },
  {
    seed: 441407,
    nodeCount: 3,
    showed: "a registration that an ended process had sent came last, and the living one was stale",
  },
  {
    seed: 442297,
    nodeCount: 3,
    showed: "a controller that is no broker yet had answered what no broker's image showed",
  },
  {
    seed: 488860,
    nodeCount: 3,
    showed:
      "a crash after a topic was made anew: its log began where the older one of its name had",
  },
  {
    seed: 491487,
    nodeCount: 3,
    showed: "a coordinator that has slept refuses what its successor has done",
  },
  {
    seed: 504834,
    nodeCount: 3,
    showed: "one of two voters got an empty disk: a third looked for a leader, and had no vote yet",
  },
  {
    seed: 524695,
    nodeCount: 1,
    showed: "a directory failed while its node began to start, at the end: nobody started it again",
  },
  {
    seed: 535867,
    nodeCount: 1,
    showed:
      "a loss of power amid a start took the end of the metadata log, and left what told of it",
  },
  {
    seed: 541076,
    nodeCount: 3,
    showed: "a follower that began at its leader's log start was looked at before the leader",
  },
];
