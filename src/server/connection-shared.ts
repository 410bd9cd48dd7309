/** What all connections of a server share. */
import type { LoopLag } from "../base/loop-lag.ts";
import type { Clock } from "../base/world.ts";
import type { BufferPool } from "../protocol/frames/buffer-pool.ts";
import type { CloseReason } from "./close-reason.ts";
import type { FairTurns } from "./fair-turns.ts";
import type { IdleLists } from "./idleness.ts";
import type { ServerLimits } from "./limits.ts";
import type { RequestMemory } from "./request-memory.ts";
import type { RequestStats } from "./request-stats.ts";
import type { ServerMetrics } from "./server-metrics.ts";

export interface ClosedConnection {
  readonly id: number;
  readonly listenerName: string;
  readonly remoteAddress: string;
  readonly closedFor: CloseReason;
}

export interface ConnectionShared extends IdleLists {
  readonly clock: Clock;
  readonly turns: FairTurns;
  readonly limits: ServerLimits;
  readonly memory: RequestMemory;
  readonly pool: BufferPool;
  readonly metrics: ServerMetrics;
  readonly requests: RequestStats;
  readonly loopLag: LoopLag;
  /** Bad bytes, bad clients: one line, unless there are too many. */
  readonly refused: (line: string) => void;
  /** Ends that need no one's attention. */
  readonly ended: (line: string) => void;
  readonly closed: (connection: ClosedConnection) => void;
  readonly fatal: (error: unknown) => void;
}
