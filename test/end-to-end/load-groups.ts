/** Consumer groups that commit ever larger offsets, and what must be kept of them. */
import { expect } from "bun:test";
import { ErrorCode, errorName } from "../../src/protocol/error-code.ts";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { joinGroup } from "../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../src/protocol/messages/12-heartbeat.ts";
import { describeGroups } from "../../src/protocol/messages/15-describe-groups.ts";
import { syncGroup } from "../../src/protocol/messages/14-sync-group.ts";
import { type Connection, expectNone } from "./client.ts";
import type { Actor, Gate } from "./lives.ts";

const SESSION_TIMEOUT_MS = 60_000;
const ASSIGNMENT = Buffer.from("the assignment");
const RETRIES_MAX = 2_000;
const RETRY_MS = 5;

/** Answered while the group is being loaded, or the broker stops, and never for ever. */
const LOADING: readonly number[] = [
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
];

/** Commits 1, 2, 3, ... for one partition. */
export class GroupCommitter implements Actor {
  sent = 0;
  acknowledged = 0;
  #memberId = "";
  #generationId = -1;

  /** Without membership the group is only a name for offsets. */
  constructor(
    readonly groupId: string,
    readonly topic: string,
    readonly isMember: boolean,
  ) {}

  async work(connection: Connection, gate: Gate): Promise<void> {
    await findGroup(connection, this.groupId);
    if (this.isMember) {
      if (this.#generationId === -1) await this.#join(connection);
      // The group is as it was: nobody has to join again because the broker crashed.
      else expectNone(`heartbeat of ${this.groupId}`, await this.#heartbeat(connection));
    }
    while (gate.isOpen) {
      const offset = ++this.sent;
      const errorCode = await afterLoading(() => this.#commit(connection, offset));
      expectNone(`commit ${offset} of ${this.groupId}`, errorCode);
      this.acknowledged = offset;
    }
  }

  /** A commit that was answered stays; one that was not may count. */
  async verify(connection: Connection): Promise<void> {
    if (this.sent === 0) return;
    await findGroup(connection, this.groupId);
    // Offsets begin with 1: the first commit may have come too late for the broker that stopped.
    const committed = Math.max(0, await committedOffset(connection, this.groupId, this.topic));
    expect(committed, this.groupId).toBeGreaterThanOrEqual(this.acknowledged);
    expect(committed, this.groupId).toBeLessThanOrEqual(this.sent);
    this.acknowledged = committed;
  }

  async #commit(connection: Connection, offset: number): Promise<number> {
    const answer = await connection.request(offsetCommit, 8, {
      groupId: this.groupId,
      generationIdOrMemberEpoch: this.#generationId,
      memberId: this.#memberId,
      topics: [
        {
          name: this.topic,
          partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: "" }],
        },
      ],
    });
    return answer.topics[0]!.partitions[0]!.errorCode;
  }

  async #heartbeat(connection: Connection): Promise<number> {
    return afterLoading(async () => {
      const answer = await connection.request(heartbeat, 4, {
        groupId: this.groupId,
        generationId: this.#generationId,
        memberId: this.#memberId,
      });
      return answer.errorCode;
    });
  }

  /** Static: whoever comes back under this name takes the place of who was there. */
  async #join(connection: Connection): Promise<void> {
    const { groupId } = this;
    const groupInstanceId = `${groupId}-instance`;
    const protocol = { name: "range", metadata: Buffer.from("subscription") };
    let joined = { memberId: "", generationId: -1 };
    const joinError = await afterLoading(async () => {
      const answer = await connection.request(joinGroup, 7, {
        groupId,
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        rebalanceTimeoutMs: SESSION_TIMEOUT_MS,
        memberId: "",
        groupInstanceId,
        protocolType: "consumer",
        protocols: [protocol],
      });
      joined = answer;
      return answer.errorCode;
    });
    expectNone(`join ${groupId}`, joinError);
    const { memberId, generationId } = joined;
    const syncError = await afterLoading(async () => {
      const answer = await connection.request(syncGroup, 5, {
        groupId,
        generationId,
        memberId,
        groupInstanceId,
        protocolType: "consumer",
        protocolName: protocol.name,
        assignments: [{ memberId, assignment: ASSIGNMENT }],
      });
      if (answer.errorCode === ErrorCode.NONE) expect(answer.assignment).toEqual(ASSIGNMENT);
      return answer.errorCode;
    });
    expectNone(`sync ${groupId}`, syncError);
    this.#memberId = memberId;
    this.#generationId = generationId;
  }
}

export async function committedOffset(
  connection: Connection,
  groupId: string,
  topic: string,
): Promise<number> {
  let committed = -1;
  const errorCode = await afterLoading(async () => {
    const answer = await connection.request(offsetFetch, 8, {
      groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }],
    });
    const group = answer.groups[0]!;
    const partition = group.topics[0]?.partitions[0];
    committed = partition?.committedOffset ?? -1;
    return group.errorCode || (partition?.errorCode ?? 0);
  });
  expectNone(`offsets of ${groupId}`, errorCode);
  return committed;
}

/** The first question makes the topic of offsets. */
export async function findGroup(connection: Connection, groupId: string): Promise<void> {
  const errorCode = await afterLoading(async () => {
    const answer = await connection.request(findCoordinator, 4, {
      keyType: 0,
      coordinatorKeys: [groupId],
    });
    return answer.coordinators[0]!.errorCode;
  });
  expectNone(`coordinator of ${groupId}`, errorCode);
  // It is named before it has read its log.
  const described = await afterLoading(async () => {
    const answer = await connection.request(describeGroups, 5, { groups: [groupId] });
    return answer.groups[0]!.errorCode;
  });
  expectNone(`coordinator of ${groupId}`, described);
}

/** Asks again as long as the coordinator is on its way. */
export async function afterLoading(ask: () => Promise<number>): Promise<number> {
  for (let tries = 0; tries < RETRIES_MAX; tries++) {
    const errorCode = await ask();
    if (!LOADING.includes(errorCode)) return errorCode;
    await Bun.sleep(RETRY_MS);
  }
  throw new Error(`the coordinator does not come: ${errorName((await ask()) as ErrorCode)}`);
}
