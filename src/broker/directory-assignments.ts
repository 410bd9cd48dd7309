/**
 * Tells the controller in which of this node's log directories replicas lie (KIP-858), many at a
 * time. Kafka's AssignmentsManager.
 */
import { type Clock, DiskError } from "../base/world.ts";
import { assignReplicasToDirs } from "../metadata/controller/assign-replicas-to-dirs.ts";
import { DIRECTORIES_LEVEL } from "../metadata/features.ts";
import { MetadataStoppedError } from "../metadata/metadata-errors.ts";
import type { MetadataNode } from "../metadata/metadata-node.ts";
import { ErrorCode } from "../protocol/error-code.ts";

/** In one request. */
const ASSIGNMENTS_MAX = 2250;

interface Assignment {
  readonly topicId: string;
  readonly partitionIndex: number;
  readonly directoryId: string;
  readonly settle: (isAccepted: boolean) => void;
}

export interface DirectoryAssignmentsOptions {
  readonly clock: Clock;
  readonly nodeId: number;
  readonly metadata: MetadataNode;
  /** -1 before the node is registered. */
  readonly brokerEpoch: () => number;
}

export class DirectoryAssignments {
  readonly #options: DirectoryAssignmentsOptions;
  #waiting: Assignment[] = [];
  #isOpen = false;
  #isSending = false;

  constructor(options: DirectoryAssignmentsOptions) {
    this.#options = options;
  }

  /** The node is registered: what was to be told is told from now on. */
  open(): void {
    this.#isOpen = true;
    this.#sendLater();
  }

  /** Resolves with whether the controller has it that way now. */
  assign(topicId: string, partitionIndex: number, directoryId: string): Promise<boolean> {
    if (this.#options.metadata.image.metadataVersion < DIRECTORIES_LEVEL) {
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
    this.#options.clock.afterTurn(() => {
      void this.#send(this.#waiting.splice(0, ASSIGNMENTS_MAX)).finally(() => {
        this.#isSending = false;
        this.#sendLater();
      });
    });
  }

  async #send(assignments: readonly Assignment[]): Promise<void> {
    const { metadata, nodeId, brokerEpoch } = this.#options;
    // Of several for one partition the last is meant, and the controller takes them in order.
    const directories = [...Map.groupBy(assignments, ({ directoryId }) => directoryId)];
    const request = {
      brokerId: nodeId,
      brokerEpoch: brokerEpoch(),
      directories: directories.map(([id, ofDirectory]) => ({
        id,
        topics: ofDirectory.map(({ topicId, partitionIndex }) => ({
          topicId,
          partitions: [{ partitionIndex }],
        })),
      })),
    };
    try {
      const response = await metadata.submit(assignReplicasToDirs(request));
      const isFine = response.errorCode === ErrorCode.NONE;
      const errors = response.directories.map(({ topics }) =>
        topics.map(({ partitions }) => partitions[0]!.errorCode),
      );
      for (const [index, [, ofDirectory]] of directories.entries()) {
        for (const [at, { settle }] of ofDirectory.entries()) {
          settle(isFine && errors[index]?.[at] === ErrorCode.NONE);
        }
      }
    } catch (error) {
      // A disk that failed has stopped the node by now.
      if (!(error instanceof MetadataStoppedError || error instanceof DiskError)) throw error;
      for (const { settle } of assignments) settle(false);
    }
  }
}
