/**
 * Tells the controller in which of this node's log directories replicas lie (KIP-858), many at a
 * time. Kafka's AssignmentsManager.
 */
import type { Logger } from "../base/logger.ts";
import { type Clock, DiskError } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import type { AssignReplicasResponse } from "../metadata/controller/assign-replicas-to-dirs.ts";
import { DIRECTORIES_LEVEL } from "../metadata/features.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { MetadataStoppedError } from "../metadata/metadata-errors.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { ASSIGN_REPLICAS_TO_DIRS } from "./controller-calls.ts";
import type { ControllerChannel } from "./controller-channel.ts";

/** In one request. */
const ASSIGNMENTS_MAX = 2250;
/** As long as Kafka's brokers try. */
const TIMEOUT_MS = 60_000;
/** After a failure: doubled each time. */
const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 10_000;

interface Assignment {
  readonly topicId: string;
  readonly partitionIndex: number;
  readonly directoryId: string;
  readonly settle: (isAccepted: boolean) => void;
}

export interface DirectoryAssignmentsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: number;
  readonly image: MetadataImage;
  readonly controller: ControllerChannel;
  /** -1 before the node is registered. */
  readonly brokerEpoch: () => number;
}

export class DirectoryAssignments {
  readonly #options: DirectoryAssignmentsOptions;
  #waiting: Assignment[] = [];
  #isOpen = false;
  #isSending = false;
  #failureCount = 0;

  constructor(options: DirectoryAssignmentsOptions) {
    this.#options = options;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** The node is registered: what was to be told is told from now on. */
  open(): void {
    this.#isOpen = true;
    this.#sendLater();
  }

  /** Resolves with whether the controller has it that way now. */
  assign(topicId: string, partitionIndex: number, directoryId: string): Promise<boolean> {
    if (this.#options.image.metadataVersion < DIRECTORIES_LEVEL) {
      return Promise.resolve(true);
    }
    return new Promise((settle) => {
      this.#waiting.push({ topicId, partitionIndex, directoryId, settle });
      this.#sendLater();
    });
  }

  /** What comes up in one turn goes together. */
  #sendLater(): void {
    if (!this.#isOpen || this.#isSending || this.#waiting.length === 0) return;
    this.#isSending = true;
    this.#options.clock.afterTurn(() => void this.#sendNext());
  }

  async #sendNext(): Promise<void> {
    const assignments = this.#waiting.splice(0, ASSIGNMENTS_MAX);
    const isAnswered = await this.#send(assignments);
    this.#isSending = false;
    if (isAnswered) {
      this.#failureCount = 0;
      return this.#sendLater();
    }
    this.#waiting.unshift(...assignments);
    const delayMs = Math.min(BACKOFF_MS * 2 ** this.#failureCount++, BACKOFF_MS_MAX);
    this.#options.clock.schedule(delayMs, () => this.#sendLater());
  }

  /** False where the controller could not be asked, or did not look at what was asked. */
  async #send(assignments: readonly Assignment[]): Promise<boolean> {
    const { controller, logger, nodeId, brokerEpoch } = this.#options;
    const request = {
      brokerId: nodeId,
      brokerEpoch: brokerEpoch(),
      directories: directoriesOf(assignments),
    };
    try {
      const response = await controller.ask(ASSIGN_REPLICAS_TO_DIRS, request, TIMEOUT_MS);
      const { errorCode, directories } = response;
      if (errorCode !== ErrorCode.NONE) {
        logger.warn(`directories of replicas are not assigned yet: ${errorName(errorCode)}`);
        return false;
      }
      const accepted = new Set(acceptedAmong(directories));
      for (const assignment of assignments) assignment.settle(accepted.has(keyOf(assignment)));
      return true;
    } catch (error) {
      if (error instanceof NodeError) {
        logger.warn(`directories of replicas are not assigned yet: ${error.message}`);
        return false;
      }
      // A disk that failed has stopped the node by now.
      if (!(error instanceof MetadataStoppedError || error instanceof DiskError)) throw error;
      for (const { settle } of assignments) settle(false);
      return true;
    }
  }
}

type Directories = Pick<AssignReplicasResponse, "directories">["directories"];

/** Of several for one partition the last is meant, and the controller takes them in order. */
function directoriesOf(assignments: readonly Assignment[]) {
  const byDirectory = Map.groupBy(assignments, ({ directoryId }) => directoryId);
  return [...byDirectory].map(([id, ofDirectory]) => {
    const byTopic = Map.groupBy(ofDirectory, ({ topicId }) => topicId);
    const topics = [...byTopic].map(([topicId, ofTopic]) => ({
      topicId,
      partitions: ofTopic.map(({ partitionIndex }) => ({ partitionIndex })),
    }));
    return { id, topics };
  });
}

function* acceptedAmong(directories: Directories): Iterable<string> {
  for (const { id, topics } of directories) {
    for (const { topicId, partitions } of topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        if (errorCode === ErrorCode.NONE) yield keyOf({ directoryId: id, topicId, partitionIndex });
      }
    }
  }
}

function keyOf(place: Omit<Assignment, "settle">): string {
  return `${place.directoryId} ${place.topicId} ${place.partitionIndex}`;
}
