/** Keeps the state of share partitions in memory, for tests of those who use a persister. */
import type {
  ReadShareState,
  SharePartitionKey,
  ShareStatePersister,
  ShareStateResult,
  ShareStateSummary,
  WrittenShareState,
} from "../../../src/coordinator/share/persister.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";

const DONE: ShareStateResult = { errorCode: ErrorCode.NONE, errorMessage: null };
const NOTHING: WrittenShareState = {
  stateEpoch: 0,
  leaderEpoch: 0,
  startOffset: -1,
  deliveryCompleteCount: -1,
  stateBatches: [],
};

export class MemoryShareState implements ShareStatePersister {
  readonly states = new Map<string, WrittenShareState>();
  /** Every call, in order: its name and its partition. */
  readonly calls: string[] = [];
  /** Where it is not NONE every call fails so. */
  errorCode: ErrorCode = ErrorCode.NONE;

  async readState(key: SharePartitionKey, leaderEpoch: number): Promise<ReadShareState> {
    const state = { ...this.#called("read", key), leaderEpoch };
    const failure = this.#failure();
    if (failure === null) this.states.set(nameOf(key), state);
    return { ...(failure ?? DONE), ...state };
  }

  /** What is written takes the place of all that was known. */
  async writeState(key: SharePartitionKey, state: WrittenShareState): Promise<ShareStateResult> {
    const before = this.#called("write", key);
    const failure = this.#failure();
    if (failure !== null) return failure;
    const startOffset = state.startOffset === -1 ? before.startOffset : state.startOffset;
    this.states.set(nameOf(key), { ...state, startOffset });
    return DONE;
  }

  async initializeState(
    key: SharePartitionKey,
    stateEpoch: number,
    startOffset: number,
  ): Promise<ShareStateResult> {
    this.#called("initialize", key);
    const failure = this.#failure();
    if (failure !== null) return failure;
    const deliveryCompleteCount = startOffset === -1 ? -1 : 0;
    const state = { ...NOTHING, stateEpoch, startOffset, deliveryCompleteCount };
    this.states.set(nameOf(key), state);
    return DONE;
  }

  async deleteState(key: SharePartitionKey): Promise<ShareStateResult> {
    this.#called("delete", key);
    const failure = this.#failure();
    if (failure === null) this.states.delete(nameOf(key));
    return failure ?? DONE;
  }

  async readSummary(key: SharePartitionKey): Promise<ShareStateSummary> {
    const state = this.#called("summary", key);
    return { ...(this.#failure() ?? DONE), ...state };
  }

  #called(name: string, key: SharePartitionKey): WrittenShareState {
    this.calls.push(`${name} ${nameOf(key)}`);
    return this.states.get(nameOf(key)) ?? NOTHING;
  }

  #failure(): ShareStateResult | null {
    const { errorCode } = this;
    return errorCode === ErrorCode.NONE ? null : { errorCode, errorMessage: "as the test wants" };
  }
}

function nameOf({ groupId, topicId, partition }: SharePartitionKey): string {
  return `${groupId} ${topicId} ${partition}`;
}
