/**
 * The rules that keep a replicated log from losing what it acknowledged. All of them hold, always.
 * A test hands in others, with one rule broken, to show that it would find the fault which that
 * rule was once made for.
 */
export interface ReplicationRules {
  /** KIP-101: a follower goes back to where its epochs part from its leader's. */
  readonly truncatesByEpochs: boolean;
  /** KIP-279: not behind the end of an epoch that it knows itself, and then it asks again. */
  readonly comparesOwnEpochs: boolean;
  /** KIP-320: who knows of another leadership is not served, and answers of one are void. */
  readonly fencesLeaderEpochs: boolean;
  /** KIP-320: nobody joins the ISR who has not all from before this leadership. */
  readonly joinsFromEpochStart: boolean;
  /** KIP-497: whoever may be in the ISR by now counts for the high watermark. */
  readonly countsMaximalIsr: boolean;
  /** KIP-903: a broker that has started anew since its fetch does not join. */
  readonly checksBrokerEpochs: boolean;
  /** KIP-966: with fewer in sync than the topic asks for nothing is committed. */
  readonly holdsUnderMinIsr: boolean;
}

export const KAFKA_RULES: ReplicationRules = {
  truncatesByEpochs: true,
  comparesOwnEpochs: true,
  fencesLeaderEpochs: true,
  joinsFromEpochStart: true,
  countsMaximalIsr: true,
  checksBrokerEpochs: true,
  holdsUnderMinIsr: true,
};
