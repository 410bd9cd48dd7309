/** What keeps a node from taking part in the quorum that its log and its settings describe. */
import { ZERO_UUID } from "../base/uuid.ts";
import type { QuorumFact } from "./core/log-state.ts";
import type { Address } from "./core/state.ts";
import { lastKraftVersion, lastVotersEntry } from "./core/voter-history.ts";
import { KRAFT_VERSIONS, type LocalReplica, type VoterSet, isVoter } from "./voter-set.ts";

interface Replica {
  readonly local: LocalReplica;
  readonly staticVoters: VoterSet;
  readonly quorum: { readonly bootstrapServers: readonly Address[] };
}

/** Null where there is nothing. */
export function reasonAgainstReplica(
  facts: readonly QuorumFact[],
  replica: Replica,
): string | null {
  const { local, staticVoters, quorum } = replica;
  const history = { facts, staticVoters };
  const kraftVersion = lastKraftVersion(history);
  if (kraftVersion > KRAFT_VERSIONS.kraftVersionMax) {
    return `kraft.version ${kraftVersion} is newer than this program`;
  }
  const entry = lastVotersEntry(history);
  if (kraftVersion >= 1 && entry === null) {
    return "kraft.version is 1, but neither the metadata log nor its snapshots name voters";
  }
  const voters = entry?.voters ?? staticVoters;
  if (voters.size === 0 && quorum.bootstrapServers.length === 0) return NOBODY_VOTES;
  const known = voters.get(local.id);
  if (voters.size > 1 || known === undefined) return null;
  if (isVoter(voters, local.id, local.directoryId)) return null;
  // The node that it waits for is itself.
  return `the only voter of the metadata quorum is ${nameOf(known)}, but this is ${nameOf(local)}`;
}

const NOBODY_VOTES =
  "nobody votes: set controller.quorum.voters, or format the directory with --standalone";

function nameOf({ id, directoryId }: Pick<LocalReplica, "id" | "directoryId">): string {
  return directoryId === ZERO_UUID ? `node ${id}` : `node ${id} with directory ${directoryId}`;
}
