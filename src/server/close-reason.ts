/** Why a connection has ended: the first cause counts. */
export const CLOSE_REASONS = [
  /** It was the client's wish. */
  "client",
  /** Reset, or the network failed. */
  "lost",
  /** connections.max.idle.ms */
  "idle",
  /** Nothing came that looked like a request. */
  "stranger",
  /** What it sent could not be taken, or not answered. */
  "refused",
  /** Others needed its place. */
  "crowded",
  /** The node stops, or the listener is closed. */
  "stop",
] as const;

export type CloseReason = (typeof CLOSE_REASONS)[number];

export type CloseCounts = Record<CloseReason, number>;

export function noCloses(): CloseCounts {
  return { client: 0, lost: 0, idle: 0, stranger: 0, refused: 0, crowded: 0, stop: 0 };
}
