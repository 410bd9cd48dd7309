/** What the settings say of the metadata quorum, and of this node's part in it. */
import { ZERO_UUID } from "../base/uuid.ts";
import type { QuorumSettings } from "../metadata/metadata-settings.ts";
import { KRAFT_VERSIONS, type VoterSet, voterSet } from "../raft/voter-set.ts";
import { isController, quorumVoters } from "./settings/effective.ts";
import { parseQuorumServer } from "./settings/quorum-voters.ts";
import type { Settings } from "./settings/settings.ts";

/** controller.quorum.voters; empty where the voters are in the log. */
export function staticVoters(settings: Settings): VoterSet {
  const name = controllerListener(settings);
  return voterSet(
    quorumVoters(settings).map(({ id, host, port }) => ({
      id,
      directoryId: ZERO_UUID,
      endpoints: [{ name, host, port }],
      ...KRAFT_VERSIONS,
    })),
  );
}

export function quorumSettings(settings: Settings): QuorumSettings {
  const named = settings.get("controller.quorum.bootstrap.servers").map(parseQuorumServer);
  const voters = quorumVoters(settings);
  return {
    listener: controllerListener(settings),
    bootstrapServers: named.length > 0 ? named : voters.map(({ host, port }) => ({ host, port })),
    canBecomeVoter: isController(settings),
    autoJoin: settings.get("controller.quorum.auto.join.enable"),
    electionTimeoutMs: settings.get("controller.quorum.election.timeout.ms"),
    electionBackoffMaxMs: settings.get("controller.quorum.election.backoff.max.ms"),
    fetchTimeoutMs: settings.get("controller.quorum.fetch.timeout.ms"),
    requestTimeoutMs: settings.get("controller.quorum.request.timeout.ms"),
    retryBackoffMs: settings.get("controller.quorum.retry.backoff.ms"),
    fetchMaxBytes: settings.get("controller.quorum.fetch.max.bytes"),
    fetchSnapshotMaxBytes: settings.get("controller.quorum.fetch.snapshot.max.bytes"),
  };
}

/** The first of them is that by which controllers are reached. */
function controllerListener(settings: Settings): string {
  return settings.get("controller.listener.names")[0]?.toUpperCase() ?? "";
}
