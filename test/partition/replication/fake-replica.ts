/** A follower's partition and a leader for it, both by hand. */
import { NodeError } from "../../../src/client/node-error.ts";
import type { Peer } from "../../../src/partition/replication/peer.ts";
import type {
  FetchedRecords,
  FollowerAppend,
  FollowerPosition,
} from "../../../src/partition/follower-state.ts";
import type { Replica } from "../../../src/partition/replication/replica.ts";
import { DEFAULT_LOG_CONFIG } from "../../../src/log/log-config.ts";
import type { EpochEnd } from "../../../src/log/leader-epochs.ts";
import { decode, encode } from "../../../src/protocol/compile.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import type { Api } from "../../../src/protocol/schema.ts";

/** Its records are one byte each. */
export class FakeReplica implements Replica {
  end = 0;
  start = 0;
  highWatermark = 0;
  lastEpoch = -1;
  isFollowing = true;
  appendError: ErrorCode = ErrorCode.NONE;
  flushed: Promise<void> | null = null;
  begun: Promise<ErrorCode> | null = null;
  cutting: Promise<ErrorCode> = Promise.resolve(ErrorCode.NONE);
  readonly calls: string[] = [];

  constructor(
    readonly topic: string,
    readonly index = 0,
    public leaderEpoch = 0,
    readonly topicId = `${"A".repeat(20)}${topic}A`,
  ) {}

  get log() {
    return { logEndOffset: this.end, config: DEFAULT_LOG_CONFIG };
  }

  followerPosition(): FollowerPosition | null {
    if (!this.isFollowing) return null;
    const { leaderEpoch, end, lastEpoch, start } = this;
    return {
      leaderId: LEADER_ID,
      leaderEpoch,
      fetchOffset: end,
      lastFetchedEpoch: lastEpoch,
      logStartOffset: start,
    };
  }

  beginFollowing(): Promise<ErrorCode> | null {
    return this.begun;
  }

  appendAsFollower(fetched: FetchedRecords): FollowerAppend {
    if (this.appendError !== ErrorCode.NONE) return { ...NOTHING, errorCode: this.appendError };
    const { records, highWatermark, leaderEpoch } = fetched;
    this.highWatermark = highWatermark;
    if (records.length === 0) return NOTHING;
    this.end += records.length;
    this.lastEpoch = leaderEpoch;
    return { ...NOTHING, flushed: this.flushed };
  }

  async truncateTo(_: number, { endOffset }: EpochEnd): Promise<ErrorCode> {
    this.calls.push(`cut to ${endOffset}`);
    const errorCode = await this.cutting;
    if (errorCode === ErrorCode.NONE) this.end = endOffset;
    return errorCode;
  }

  alignWith(_: number, leaderStart: number, leaderEnd: number): Promise<ErrorCode> {
    this.calls.push(`align with ${leaderStart} to ${leaderEnd}`);
    this.end = leaderEnd < this.end ? leaderEnd : Math.max(leaderStart, this.end);
    return Promise.resolve(ErrorCode.NONE);
  }
}

const LEADER_ID = 1;
const NOTHING: FollowerAppend = { errorCode: ErrorCode.NONE, message: null, flushed: null };

interface Asked {
  readonly name: string;
  /** As it would be read from the wire. */
  readonly request: unknown;
  readonly answer: (response: unknown) => void;
  readonly fail: (error: NodeError) => void;
}

/** Holds what is asked until the test answers it; all of it goes through real bytes. */
export class FakeLeader {
  readonly asked: Asked[] = [];
  connectionCount = 0;
  /** Connections stand from then on: requests are made when they can be sent. */
  opened: Promise<void> | null = null;

  connect(): Peer {
    this.connectionCount++;
    const asked = this.asked;
    const opened = () => this.opened;
    const mine: Asked[] = [];
    return {
      ask<Q, QI, R, RI, T>(
        api: Api<Q, QI, R, RI>,
        request: (version: number) => QI,
        _timeoutMs: number,
        use: (response: R) => T,
      ): Promise<T> {
        const version = api.stableVersion;
        const { promise, resolve, reject } = Promise.withResolvers<T>();
        const wait = opened();
        if (wait !== null) return wait.then(() => this.ask(api, request, _timeoutMs, use));
        const one = {
          name: api.name,
          request: decode(api.request, version, encode(api.request, version, request(version))),
          answer: (response: unknown) => {
            const bytes = encode(api.response, version, response as RI);
            resolve(use(decode(api.response, version, bytes)));
          },
          fail: reject,
        };
        asked.push(one);
        mine.push(one);
        return promise;
      },
      close() {
        for (const { fail } of mine) fail(new NodeError("disconnected", "it was closed"));
      },
    };
  }
}
