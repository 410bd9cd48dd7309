/**
 * How far one follower is, as its leader sees it: what its fetches say.
 *
 *   fetch at offset n -> it has all below n
 *   n >= the leader's end now                  -> caught up now
 *   n >= the leader's end at the fetch before  -> caught up as of that fetch
 *
 * So a follower counts as caught up whose leader always has a little more by the time of the fetch.
 */

/** Before a follower's first fetch from this leader. */
const UNKNOWN_OFFSET = -1;
const NEVER_MS = Number.NEGATIVE_INFINITY;
/** Of a follower too old to say. */
export const NO_BROKER_EPOCH = -1;

export class FollowerProgress {
  readonly brokerId: number;
  logStartOffset = UNKNOWN_OFFSET;
  logEndOffset = UNKNOWN_OFFSET;
  /** Of its last fetch; null before the first. */
  brokerEpoch: number | null = null;
  #lastCaughtUpMs = NEVER_MS;
  #lastFetchMs = NEVER_MS;
  #leaderEndAtLastFetch = UNKNOWN_OFFSET;

  constructor(brokerId: number) {
    this.brokerId = brokerId;
  }

  fetched(
    fetchOffset: number,
    logStartOffset: number,
    brokerEpoch: number,
    leaderEndOffset: number,
    nowMs: number,
  ): void {
    if (fetchOffset >= leaderEndOffset) this.#caughtUp(nowMs);
    else if (fetchOffset >= this.#leaderEndAtLastFetch) this.#caughtUp(this.#lastFetchMs);
    this.logStartOffset = logStartOffset;
    this.logEndOffset = fetchOffset;
    this.brokerEpoch = brokerEpoch;
    this.#leaderEndAtLastFetch = Math.max(leaderEndOffset, this.#leaderEndAtLastFetch);
    this.#lastFetchMs = nowMs;
  }

  /**
   * A leadership begins. Whoever is in sync gets the time of a lag to show up; others hold nobody
   * back. What is known of a follower from the leadership before stays, if it was this node's.
   */
  restart(nowMs: number, leaderEndOffset: number, isNewLeader: boolean, isInSync: boolean): void {
    this.#lastCaughtUpMs = isInSync ? nowMs : NEVER_MS;
    if (isNewLeader) {
      this.logStartOffset = UNKNOWN_OFFSET;
      this.logEndOffset = UNKNOWN_OFFSET;
      this.brokerEpoch = null;
      this.#lastFetchMs = NEVER_MS;
      this.#leaderEndAtLastFetch = UNKNOWN_OFFSET;
    } else {
      this.#lastFetchMs = isInSync ? nowMs : NEVER_MS;
      this.#leaderEndAtLastFetch = leaderEndOffset;
    }
  }

  get lastCaughtUpMs(): number {
    return this.#lastCaughtUpMs;
  }

  /** It had all that there was, at a fetch that did not have to say so. */
  wasCaughtUp(atMs: number): void {
    this.#caughtUp(atMs);
    this.#lastFetchMs = Math.max(this.#lastFetchMs, atMs);
  }

  isCaughtUp(leaderEndOffset: number, nowMs: number, lagMaxMs: number): boolean {
    return this.logEndOffset === leaderEndOffset || nowMs - this.#lastCaughtUpMs <= lagMaxMs;
  }

  #caughtUp(atMs: number): void {
    this.#lastCaughtUpMs = Math.max(this.#lastCaughtUpMs, atMs);
  }
}
