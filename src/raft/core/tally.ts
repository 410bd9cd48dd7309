/** Whether an election is won or lost: by the voters there were when it began. */
import type { VoterSet } from "../voter-set.ts";
import type { Votes } from "./state.ts";

/** Who stands votes for itself. */
export function firstVotes(voters: VoterSet, localId: number): Votes {
  return { voters, granted: [localId], rejected: [] };
}

export function isVoteGranted({ voters, granted }: Votes): boolean {
  return granted.length >= majority(voters.size);
}

export function isVoteRejected({ voters, rejected }: Votes): boolean {
  return voters.size - rejected.length < majority(voters.size);
}

export function recordVote(votes: Votes, voterId: number, isGranted: boolean): void {
  const granted = votes.granted.filter((id) => id !== voterId);
  const rejected = votes.rejected.filter((id) => id !== voterId);
  votes.granted = isGranted ? [...granted, voterId] : granted;
  votes.rejected = isGranted ? rejected : [...rejected, voterId];
}

export function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}
