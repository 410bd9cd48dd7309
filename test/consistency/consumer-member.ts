/** A member of a group of the consumer protocol (KIP-848). */
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { consumerGroupHeartbeat } from "../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { TOPIC } from "./actors.ts";
import { GroupMember } from "./group-members.ts";

const JOINING = 0;
const LEAVING = -1;
const REBALANCE_TIMEOUT_MS = 4000;

export class ConsumerMember extends GroupMember {
  #topicId: string | null = null;
  #lives = 0;

  protected override async live(): Promise<void> {
    if (this.#topicId === null) return this.#learn();
    if (this.memberId === "") this.#beginLife();
    if (this.random.chance(0.02)) return this.#leave();
    // Whoever dies without a word leaves its partitions to others only when its session is over.
    if (this.random.chance(0.01)) return this.#beginLife();
    const askedTick = this.ledger.now();
    const answer = await this.#beat(this.epoch);
    const { errorCode, memberEpoch, assignment } = answer;
    if (errorCode === ErrorCode.NONE) {
      this.epoch = memberEpoch;
      if (assignment === null) return;
      this.takes(
        assignment.topicPartitions.flatMap(({ partitions }) => partitions),
        askedTick,
      );
    } else if (GONE.has(errorCode)) {
      this.epoch = JOINING;
      this.losesAll();
    }
  }

  #beat(memberEpoch: number) {
    const isJoining = memberEpoch === JOINING;
    const owned = isJoining || this.#topicId === null ? [] : [...this.owned.keys()];
    const topicPartitions =
      owned.length === 0 ? [] : [{ topicId: this.#topicId!, partitions: owned }];
    return this.wire.ask(consumerGroupHeartbeat, 1, {
      groupId: this.group,
      memberId: this.memberId,
      memberEpoch,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      subscribedTopicNames: [TOPIC],
      topicPartitions,
    });
  }

  async #leave(): Promise<void> {
    this.losesAll();
    const leaving = this.#beat(LEAVING);
    this.#beginLife();
    await leaving;
  }

  #beginLife(): void {
    this.losesAll();
    this.memberId = `${this.name} ${++this.#lives}`;
    this.epoch = JOINING;
  }

  async #learn(): Promise<void> {
    const answer = await this.wire.ask(metadata, 12, { topics: [{ name: TOPIC }] });
    const [topic] = answer.topics;
    if (topic?.errorCode === ErrorCode.NONE) this.#topicId = topic.topicId;
  }
}

const GONE: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
]);
