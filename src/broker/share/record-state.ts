/**
 * What may happen to a record of a share group (KIP-932).
 *
 *   AVAILABLE --acquire--> ACQUIRED --accept--> ACKNOWLEDGED
 *       ^                     |  `---reject---> ARCHIVED
 *       `---release, lock over'                   ^
 *       `---the log begins behind it--------------'    also from AVAILABLE, and when a record has
 *                                                      been delivered as often as it may be
 */

/** The numbers in which states are kept. */
export const RecordState = {
  AVAILABLE: 0,
  ACQUIRED: 1,
  ACKNOWLEDGED: 2,
  /** KIP-1191: not in use yet, but it may be read. */
  ARCHIVING: 3,
  ARCHIVED: 4,
} as const;
export type RecordState = (typeof RecordState)[keyof typeof RecordState];

/** What a consumer says of a record. */
export const AcknowledgeType = {
  /** There is no such record: compacted away, or a control record. */
  GAP: 0,
  ACCEPT: 1,
  RELEASE: 2,
  REJECT: 3,
  /** KIP-1222: it needs more time. */
  RENEW: 4,
} as const;

/** Null for RENEW, which changes no state. */
export function stateAfter(acknowledgeType: number): RecordState | null {
  switch (acknowledgeType) {
    case AcknowledgeType.ACCEPT:
      return RecordState.ACKNOWLEDGED;
    case AcknowledgeType.RELEASE:
      return RecordState.AVAILABLE;
    case AcknowledgeType.GAP:
    case AcknowledgeType.REJECT:
      return RecordState.ARCHIVED;
    default:
      return null;
  }
}

/** Done with for ever. */
export function isTerminal(state: RecordState): boolean {
  return state === RecordState.ACKNOWLEDGED || state === RecordState.ARCHIVED;
}

/** Null for a number that means nothing. */
export function recordStateOf(value: number): RecordState | null {
  return Object.values(RecordState).find((state) => state === value) ?? null;
}

export function mayFollow(state: RecordState, next: RecordState): boolean {
  if (state === next || isTerminal(state)) return false;
  return state !== RecordState.AVAILABLE || next === RecordState.ACQUIRED;
}
