/** KIP-951: a member that asks the wrong node is told the right one. */
import type { Broker } from "../broker/broker.ts";
import { type NodeView, aliveNodeView } from "../broker/topic-view.ts";
import { ErrorCode } from "../protocol/error-code.ts";

interface CurrentLeader {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export class ShareLeaders {
  readonly #broker: Broker;
  readonly #listenerName: string;
  readonly #ids = new Set<number>();

  constructor(broker: Broker, listenerName: string) {
    this.#broker = broker;
    this.#listenerName = listenerName;
  }

  /** Zeros where the error does not say that another node leads. */
  of(topicId: string, index: number, errorCode: ErrorCode): CurrentLeader {
    const isMoved =
      errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.FENCED_LEADER_EPOCH;
    const registration = this.#broker.image.topics.byId(topicId)?.partitions[index];
    if (!isMoved || registration === undefined) return NOBODY;
    const { leader: leaderId, leaderEpoch } = registration;
    this.#ids.add(leaderId);
    return { leaderId, leaderEpoch };
  }

  /** Of all that were named. */
  endpoints(): NodeView[] {
    const { image } = this.#broker;
    return [...this.#ids].flatMap((id) => aliveNodeView(image, id, this.#listenerName) ?? []);
  }
}

const NOBODY: CurrentLeader = { leaderId: 0, leaderEpoch: 0 };
