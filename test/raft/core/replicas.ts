/** Clusters to begin with: static voters, or dynamic ones from a bootstrap snapshot. */
import type { RaftConfig } from "../../../src/raft/core/state.ts";
import { type Voter, type VoterSet, voterSet } from "../../../src/raft/voter-set.ts";
import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { Cluster, type SnapshotFile, setStaticVoters } from "./cluster.ts";

export interface ClusterShape {
  readonly voters: readonly number[];
  readonly observers: readonly number[];
  /** KIP-853: the voters are in the log. */
  readonly isDynamic: boolean;
  readonly config?: Partial<RaftConfig>;
}

export const CLUSTER_ID = "the-cluster";
export const LISTENER = "CONTROLLER";

export function newCluster(shape: ClusterShape): Cluster {
  const cluster = new Cluster();
  addReplicas(cluster, shape);
  return cluster;
}

/** By what `shape` says; whatever the cluster is to do otherwise is set before. */
export function addReplicas(cluster: Cluster, shape: ClusterShape): void {
  const { voters, observers, isDynamic } = shape;
  const all = voterSet(voters.map((id) => voterOf(id)));
  for (const id of [...voters, ...observers]) {
    const config = { ...configOf(id, voters), ...shape.config };
    const staticVoters: VoterSet = voterSet(
      voters.map((voter) => ({ ...voterOf(voter), directoryId: ZERO_UUID })),
    );
    setStaticVoters(config, isDynamic ? new Map() : staticVoters);
    // Who joins later is formatted without initial controllers.
    const isFormatted = isDynamic && voters.includes(id);
    cluster.add(config, isFormatted ? bootstrapOf(all) : null);
  }
}

export function voterOf(id: number, generation = 0): Voter {
  return {
    id,
    directoryId: directoryOf(id, generation),
    endpoints: [{ name: LISTENER, host: `n${id}`, port: 9093 }],
    kraftVersionMin: 0,
    kraftVersionMax: 1,
  };
}

export function directoryOf(id: number, generation = 0): string {
  return `${"ABCDEFGHIJ"[id]}${"abcdefghij"[generation]}AAAAAAAAAAAAAAAAAAAA`;
}

function configOf(id: number, voters: readonly number[]): RaftConfig {
  return {
    clusterId: CLUSTER_ID,
    local: voterOf(id),
    listener: LISTENER,
    bootstrapServers: voters.map((voter) => ({ host: `n${voter}`, port: 9093 })),
    canBecomeVoter: true,
    autoJoin: false,
    isHasty: false,
    electionTimeoutMs: 1000,
    electionBackoffMaxMs: 1000,
    fetchTimeoutMs: 2000,
    requestTimeoutMs: 2000,
    retryBackoffMs: 20,
    fetchMaxWaitMs: 500,
    // A batch counts for one byte here.
    fetchMaxBytes: 2,
    fetchSnapshotMaxBytes: 2,
  };
}

function bootstrapOf(voters: VoterSet): SnapshotFile {
  return {
    id: { endOffset: 0, epoch: 0 },
    facts: [
      { kind: "kraftVersion", offset: -1, kraftVersion: 1 },
      { kind: "voters", offset: -1, voters },
    ],
    batches: [],
  };
}
