/** A member of a group of the classic protocol: whoever leads says who has what. */
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { joinGroup } from "../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../src/protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../src/protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../src/protocol/messages/14-sync-group.ts";
import { PARTITIONS } from "./actors.ts";
import { GroupMember } from "./group-members.ts";

const SESSION_TIMEOUT_MS = 6000;
/** Below what a client waits for an answer. */
const REBALANCE_TIMEOUT_MS = 1500;
const NO_GENERATION = -1;
const PROTOCOL = { protocolType: "test", protocolName: "all" };

export class ClassicMember extends GroupMember {
  protected override async live(): Promise<void> {
    if (this.random.chance(0.02)) return this.#leave();
    if (this.random.chance(0.01)) this.#forgetItself();
    if (this.epoch <= 0) return this.#join();
    const { errorCode } = await this.wire.ask(heartbeat, 4, this.#who());
    this.#heed(errorCode);
  }

  async #join(): Promise<void> {
    this.losesAll();
    const answer = await this.wire.ask(joinGroup, 9, {
      groupId: this.group,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      memberId: this.memberId,
      protocolType: PROTOCOL.protocolType,
      protocols: [{ name: PROTOCOL.protocolName, metadata: Buffer.from("all") }],
    });
    if (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.memberId = answer.memberId;
    if (answer.errorCode !== ErrorCode.NONE) return this.#heed(answer.errorCode);
    this.memberId = answer.memberId;
    this.epoch = answer.generationId;
    const isLeader = answer.leader === this.memberId;
    await this.#sync(isLeader ? shared(answer.members.map(({ memberId }) => memberId)) : []);
  }

  async #sync(assignments: readonly { memberId: string; assignment: Buffer }[]): Promise<void> {
    const askedTick = this.ledger.now();
    const answer = await this.wire.ask(syncGroup, 5, {
      ...this.#who(),
      ...PROTOCOL,
      assignments: [...assignments],
    });
    if (answer.errorCode === ErrorCode.NONE) this.takes([...answer.assignment], askedTick);
    else this.epoch = NO_GENERATION;
    this.#heed(answer.errorCode);
  }

  async #leave(): Promise<void> {
    const { memberId, group } = this;
    this.#forgetItself();
    await this.wire.ask(leaveGroup, 5, { groupId: group, members: [{ memberId }] });
  }

  #forgetItself(): void {
    this.losesAll();
    this.memberId = "";
    this.epoch = NO_GENERATION;
  }

  #heed(errorCode: number): void {
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.#forgetItself();
    const isOver =
      errorCode === ErrorCode.ILLEGAL_GENERATION || errorCode === ErrorCode.REBALANCE_IN_PROGRESS;
    if (!isOver) return;
    this.losesAll();
    this.epoch = NO_GENERATION;
  }

  #who() {
    return { groupId: this.group, generationId: this.epoch, memberId: this.memberId };
  }
}

/** One byte for each partition. */
function shared(members: readonly string[]): { memberId: string; assignment: Buffer }[] {
  const partitions = Array.from({ length: PARTITIONS }, (_, index) => index);
  return members.map((memberId, place) => {
    const own = partitions.filter((partition) => partition % members.length === place);
    return { memberId, assignment: Buffer.from(own) };
  });
}
