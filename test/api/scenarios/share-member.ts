/** A member of a share group that asks with raw requests, and remembers where its session stands. */
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { initializeShareGroupState } from "../../../src/protocol/messages/83-initialize-share-group-state.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { describeConfigs } from "../../../src/protocol/messages/32-describe-configs.ts";
import { shareFetch } from "../../../src/protocol/messages/78-share-fetch.ts";
import { shareAcknowledge } from "../../../src/protocol/messages/79-share-acknowledge.ts";
import type { Input } from "../../../src/protocol/schema.ts";
import type { Asker } from "../asker.ts";

export type FetchRequest = Input<typeof shareFetch.request>;
export type AcknowledgeRequest = Input<typeof shareAcknowledge.request>;
type Topics = AcknowledgeRequest["topics"];

/** Of coordinators. */
const SHARE = 2;
/** Of resources. */
const GROUP = 32;
const SET = 0;
export const GAP = 0;
export const ACCEPT = 1;
export const RELEASE = 2;
export const REJECT = 3;
export const RENEW = 4;
/** Of `shareAcquireMode`. */
export const RECORD_LIMIT = 1;

/** first, last, and a type for all or for each. */
export type Range = readonly [first: number, last: number, ...types: number[]];

export class Member {
  epoch = 0;
  readonly #asker: Asker;
  readonly #groupId: string;
  readonly #memberId: string;

  constructor(asker: Asker, groupId: string, memberId: string) {
    this.#asker = asker;
    this.#groupId = groupId;
    this.#memberId = memberId;
  }

  /** Asks, and remembers the answer under the label. */
  async fetch(label: string, topics: Topics, changes: Partial<FetchRequest> = {}, version = 2) {
    const answer = await this.#asker.ask(
      shareFetch,
      version,
      this.#request(topics, changes),
      label,
    );
    if (answer?.errorCode === 0) this.#advance(changes.shareSessionEpoch);
    return answer;
  }

  /** For what may come late or in parts. */
  async fetchQuietly(topics: Topics, changes: Partial<FetchRequest> = {}) {
    const answer = await this.#asker.quietly(shareFetch, 2, this.#request(topics, changes));
    if (answer.errorCode === 0) this.#advance(changes.shareSessionEpoch);
    return answer;
  }

  async acknowledge(
    label: string,
    topics: Topics,
    changes: Partial<AcknowledgeRequest> = {},
    version = 2,
  ) {
    const request: AcknowledgeRequest = {
      groupId: this.#groupId,
      memberId: this.#memberId,
      shareSessionEpoch: this.epoch,
      topics,
      ...changes,
    };
    const answer = await this.#asker.ask(shareAcknowledge, version, request, label);
    if (answer?.errorCode === 0) this.#advance(changes.shareSessionEpoch);
    return answer;
  }

  #request(topics: Topics, changes: Partial<FetchRequest>): FetchRequest {
    return {
      groupId: this.#groupId,
      memberId: this.#memberId,
      shareSessionEpoch: this.epoch,
      maxWaitMs: 3000,
      minBytes: 1,
      maxBytes: 1 << 20,
      maxRecords: 500,
      batchSize: 500,
      topics,
      forgottenTopicsData: [],
      ...changes,
    };
  }

  #advance(epoch = this.epoch): void {
    this.epoch = epoch === -1 ? 0 : this.epoch + 1;
  }
}

/** One partition of a topic, with what is acknowledged of it. */
export function of(topicId: string, partitionIndex = 0, ...ranges: readonly Range[]): Topics {
  return [{ topicId, partitions: [{ partitionIndex, acknowledgementBatches: batches(ranges) }] }];
}

function batches(ranges: readonly Range[]) {
  return ranges.map(([firstOffset, lastOffset, ...acknowledgeTypes]) => ({
    firstOffset,
    lastOffset,
    acknowledgeTypes,
  }));
}

/** As the group coordinator does when a member comes: from now on there is a state to be read. */
export async function share(
  asker: Asker,
  groupId: string,
  topicId: string,
  partitionCount = 1,
): Promise<void> {
  for (let partition = 0; partition < partitionCount; partition++) {
    await asker.until(async () => {
      const key = `${groupId}:${topicId}:${partition}`;
      const request = { keyType: SHARE, coordinatorKeys: [key] };
      const { coordinators } = await asker.quietly(findCoordinator, 6, request);
      if (coordinators[0]!.errorCode !== 0) return false;
      const { results } = await asker.quietly(initializeShareGroupState, 0, {
        groupId,
        topics: [{ topicId, partitions: [{ partition, stateEpoch: 0, startOffset: -1 }] }],
      });
      return results[0]!.partitions[0]!.errorCode === 0;
    });
  }
}

/** Settings of a group; back when they are in force. */
export async function configureGroup(
  asker: Asker,
  groupId: string,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  await asker.quietly(incrementalAlterConfigs, 1, {
    resources: [
      {
        resourceType: GROUP,
        resourceName: groupId,
        configs: Object.entries(configs).map(([name, value]) => ({
          name,
          configOperation: SET,
          value,
        })),
      },
    ],
    validateOnly: false,
  });
  await asker.until(async () => {
    const { results } = await asker.quietly(describeConfigs, 4, {
      resources: [{ resourceType: GROUP, resourceName: groupId, configurationKeys: null }],
    });
    const known = new Map(results[0]!.configs.map(({ name, value }) => [name, value]));
    return Object.entries(configs).every(([name, value]) => known.get(name) === value);
  });
}

export async function earliestGroup(
  asker: Asker,
  groupId: string,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  await configureGroup(asker, groupId, { "share.auto.offset.reset": "earliest", ...configs });
}
