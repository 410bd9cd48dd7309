/**
 * The share coordinator of another broker, asked with the APIs 83 to 87 (KIP-932). What is asked
 * for the partitions of one group while a request is under way goes together in the next.
 *
 *   write ─▶ [ gathering ] ─▶ one WriteShareGroupState a group ─▶ the coordinator
 *
 * It asks once: whether to ask again, and whom, is for the persister to say.
 */
import type { Clock } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import type { NodePeer } from "../client/node-peer.ts";
import type {
  ReadShareState,
  SharePartitionKey,
  ShareStateResult,
  ShareStateSource,
  ShareStateSummary,
  WrittenShareState,
} from "../coordinator/share/persister.ts";
import { unread, unsummarized } from "../coordinator/share/share-shard.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { initializeShareGroupState } from "../protocol/messages/83-initialize-share-group-state.ts";
import { readShareGroupState } from "../protocol/messages/84-read-share-group-state.ts";
import { writeShareGroupState } from "../protocol/messages/85-write-share-group-state.ts";
import { deleteShareGroupState } from "../protocol/messages/86-delete-share-group-state.ts";
import * as summaries from "../protocol/messages/87-read-share-group-state-summary.ts";
import type { Api } from "../protocol/schema.ts";
import { RequestGatherer } from "./request-gatherer.ts";

export interface RemoteShareOptions {
  readonly clock: Clock;
  /** Null where the broker is not known any more. */
  readonly peer: () => NodePeer | null;
  readonly timeoutMs: () => number;
}

/** Of one group, as all five requests have it. */
interface StateRequest<P> {
  readonly groupId: string;
  readonly topics: readonly {
    readonly topicId: string;
    readonly partitions: readonly (P & { readonly partition: number })[];
  }[];
}

interface PartitionResult {
  readonly partition: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

type Results<R> = readonly {
  readonly topicId: string;
  readonly partitions: readonly R[];
}[];

interface Entry<P, R> {
  readonly key: SharePartitionKey;
  readonly asked: P;
  readonly answer: (result: R | ErrorCode) => void;
}

/** Partitions in one request. */
const PARTITION_COUNT_MAX = 2_000;

export class RemoteShareCoordinator implements ShareStateSource {
  readonly #initialize;
  readonly #read;
  readonly #write;
  readonly #delete;
  readonly #summarize;

  constructor({ clock, peer, timeoutMs }: RemoteShareOptions) {
    type Initialized = { stateEpoch: number; startOffset: number };
    type Led = { leaderEpoch: number };
    this.#initialize = new StateRequests(clock, peer, (to, request: StateRequest<Initialized>) =>
      resultsOf(to, initializeShareGroupState, request, timeoutMs()),
    );
    this.#read = new StateRequests(clock, peer, (to, request: StateRequest<Led>) =>
      resultsOf(to, readShareGroupState, request, timeoutMs()),
    );
    this.#write = new StateRequests(clock, peer, (to, request: StateRequest<WrittenShareState>) =>
      resultsOf(to, writeShareGroupState, request, timeoutMs()),
    );
    this.#delete = new StateRequests(clock, peer, (to, request: StateRequest<object>) =>
      resultsOf(to, deleteShareGroupState, request, timeoutMs()),
    );
    this.#summarize = new StateRequests(clock, peer, (to, request: StateRequest<Led>) =>
      resultsOf(to, summaries.readShareGroupStateSummary, request, timeoutMs()),
    );
  }

  /** Another broker coordinates what waits here and is not this one's any more. */
  giveUp(isAstray: (key: SharePartitionKey) => boolean): void {
    this.#initialize.giveUp(isAstray);
    this.#read.giveUp(isAstray);
    this.#write.giveUp(isAstray);
    this.#delete.giveUp(isAstray);
    this.#summarize.giveUp(isAstray);
  }

  async initialize(
    key: SharePartitionKey,
    stateEpoch: number,
    startOffset: number,
  ): Promise<ShareStateResult> {
    return settled(await this.#initialize.ask(key, { stateEpoch, startOffset }));
  }

  async read(key: SharePartitionKey, leaderEpoch: number): Promise<ReadShareState> {
    const result = await this.#read.ask(key, { leaderEpoch });
    if (typeof result === "number") return unread(settled(result));
    return { ...result, ...settled(result) };
  }

  async write(key: SharePartitionKey, state: WrittenShareState): Promise<ShareStateResult> {
    return settled(await this.#write.ask(key, state));
  }

  async delete(key: SharePartitionKey): Promise<ShareStateResult> {
    return settled(await this.#delete.ask(key, {}));
  }

  async summary(key: SharePartitionKey, leaderEpoch: number): Promise<ShareStateSummary> {
    const result = await this.#summarize.ask(key, { leaderEpoch });
    if (typeof result === "number") return unsummarized(settled(result));
    return { ...result, ...settled(result) };
  }
}

function resultsOf<Q, QI, R extends { readonly results: unknown }, RI>(
  peer: NodePeer,
  api: Api<Q, QI, R, RI>,
  request: QI,
  timeoutMs: number,
): Promise<R["results"]> {
  return peer.ask(
    api,
    () => request,
    timeoutMs,
    (response): R["results"] => response.results,
  );
}

/** The requests of one kind. */
class StateRequests<P extends object, R extends PartitionResult> {
  readonly #peer: () => NodePeer | null;
  readonly #send: (peer: NodePeer, request: StateRequest<P>) => Promise<Results<R>>;
  readonly #gatherer: RequestGatherer<Entry<P, R>>;

  constructor(
    clock: Clock,
    peer: () => NodePeer | null,
    send: (peer: NodePeer, request: StateRequest<P>) => Promise<Results<R>>,
  ) {
    this.#peer = peer;
    this.#send = send;
    this.#gatherer = new RequestGatherer({
      clock,
      partitionCountOf: () => 1,
      partitionCountMax: PARTITION_COUNT_MAX,
      send: (entries) => this.#request(entries),
    });
  }

  /** An error where no answer came. */
  ask(key: SharePartitionKey, asked: P): Promise<R | ErrorCode> {
    const { promise, resolve } = Promise.withResolvers<R | ErrorCode>();
    this.#gatherer.add({ key, asked, answer: resolve });
    return promise;
  }

  giveUp(isAstray: (key: SharePartitionKey) => boolean): void {
    const givenUp = this.#gatherer.giveUp(({ key }) => isAstray(key));
    for (const { answer } of givenUp) answer(ErrorCode.NOT_COORDINATOR);
  }

  async #request(entries: readonly Entry<P, R>[]): Promise<void> {
    await Promise.all(requestsOf(entries).map((request) => this.#exchange(request)));
  }

  async #exchange(entries: ReadonlyMap<string, Entry<P, R>>): Promise<void> {
    const peer = this.#peer();
    const results =
      peer === null ? ErrorCode.COORDINATOR_NOT_AVAILABLE : await this.#answerOf(peer, entries);
    if (typeof results !== "number") {
      for (const { topicId, partitions } of results) {
        for (const result of partitions) {
          entries.get(nameOf(topicId, result.partition))?.answer(result);
        }
      }
    }
    const missing = typeof results === "number" ? results : ErrorCode.UNKNOWN_SERVER_ERROR;
    // Harmless for those that have their answer.
    for (const { answer } of entries.values()) answer(missing);
  }

  async #answerOf(
    peer: NodePeer,
    entries: ReadonlyMap<string, Entry<P, R>>,
  ): Promise<Results<R> | ErrorCode> {
    try {
      return await this.#send(peer, requestOf(entries));
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      if (error.reason === "unsupported") return ErrorCode.UNSUPPORTED_VERSION;
      const isLate = error.reason === "timedOut";
      return isLate ? ErrorCode.REQUEST_TIMED_OUT : ErrorCode.NETWORK_EXCEPTION;
    }
  }
}

/** A request is about one group, and about each of its partitions once. */
function requestsOf<P, R>(entries: readonly Entry<P, R>[]): Map<string, Entry<P, R>>[] {
  const byGroup = new Map<string, Map<string, Entry<P, R>>[]>();
  for (const entry of entries) {
    const { groupId, topicId, partition } = entry.key;
    const name = nameOf(topicId, partition);
    const requests = byGroup.get(groupId) ?? [];
    byGroup.set(groupId, requests);
    const free = requests.find((request) => !request.has(name));
    if (free === undefined) requests.push(new Map([[name, entry]]));
    else free.set(name, entry);
  }
  return [...byGroup.values()].flat();
}

function requestOf<P extends object, R>(
  entries: ReadonlyMap<string, Entry<P, R>>,
): StateRequest<P> {
  const [first] = entries.values();
  const byTopic = Map.groupBy(entries.values(), ({ key }) => key.topicId);
  return {
    groupId: first?.key.groupId ?? "",
    topics: [...byTopic].map(([topicId, own]) => ({
      topicId,
      partitions: own.map(({ key, asked }) => ({ ...asked, partition: key.partition })),
    })),
  };
}

function settled(result: PartitionResult | ErrorCode): ShareStateResult {
  if (typeof result === "number") return { errorCode: result, errorMessage: null };
  const { errorCode, errorMessage } = result;
  return { errorCode: errorCode as ErrorCode, errorMessage };
}

function nameOf(topicId: string, partition: number): string {
  return `${topicId}-${partition}`;
}
