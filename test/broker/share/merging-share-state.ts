/** Keeps the states of share partitions as the share coordinator does, and answers late or never. */
import { combineBatches } from "../../../src/coordinator/share/state-batches.ts";
import type {
  ReadShareState,
  SharePartitionKey,
  ShareStateResult,
  WrittenShareState,
} from "../../../src/coordinator/share/persister.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { MemoryShareState } from "../../coordinator/share/memory-share-state.ts";
import type { FakeClock } from "../../sim/fake-clock.ts";
import type { FakeRandom } from "../../sim/fake-random.ts";

const REFUSED: ShareStateResult = {
  errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
  errorMessage: "as chance wants",
};

export class MergingShareState extends MemoryShareState {
  /** Of writes; their answers come up to `lateMs` later. */
  failureRate = 0;
  lateMs = 0;
  readonly #clock: FakeClock;
  readonly #random: FakeRandom;
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: FakeClock, random: FakeRandom) {
    super();
    this.#clock = clock;
    this.#random = random;
  }

  override async readState(key: SharePartitionKey, leaderEpoch: number): Promise<ReadShareState> {
    await this.#last;
    return super.readState(key, leaderEpoch);
  }

  /** In the order in which they were asked for. */
  override writeState(key: SharePartitionKey, state: WrittenShareState): Promise<ShareStateResult> {
    const fails = this.#random.chance(this.failureRate);
    const written = this.#last.then(async () => {
      await this.#pause();
      if (fails) return REFUSED;
      const known = await super.readState(key, state.leaderEpoch);
      const { startOffset } = state;
      const stateBatches = combineBatches(known.stateBatches, state.stateBatches, startOffset);
      return super.writeState(key, { ...state, stateBatches });
    });
    this.#last = written;
    return written;
  }

  #pause(): Promise<void> {
    if (this.lateMs === 0) return Promise.resolve();
    const delayMs = this.#random.below(this.lateMs);
    return new Promise((resolve) => this.#clock.schedule(delayMs, resolve));
  }
}
