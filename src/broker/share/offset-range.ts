/** Neighbouring records, by their offsets. */
export interface OffsetRange {
  readonly firstOffset: number;
  readonly lastOffset: number;
}

/** Records that a member has now, and how often they were delivered. */
export interface AcquiredRange extends OffsetRange {
  readonly deliveryCount: number;
}
