/**
 * Who moves a cluster's partitions about, and changes it, while others work: reassignments and
 * their ends, preferred leaders, settings, and a topic that is made and deleted again. It does not
 * care whether it succeeds.
 */
import { alterPartitionReassignments } from "../../src/protocol/messages/45-alter-partition-reassignments.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { deleteRecords } from "../../src/protocol/messages/21-delete-records.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { electLeaders } from "../../src/protocol/messages/43-elect-leaders.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { Actor, INPUT, OUTPUT, PARTITIONS, type Role, TOPIC } from "./actors.ts";
import { Unanswered } from "./wire.ts";

/** It comes and goes. */
export const SPARE = "spare";
const COORDINATORS = ["__consumer_offsets", "__transaction_state"];
const COORDINATOR_PARTITIONS = 3;
const TIMEOUT_MS = 2000;
const PREFERRED = 0;
const TOPIC_RESOURCE = 2;
const SET = 0;
const SETTINGS: readonly (readonly [name: string, values: readonly string[]])[] = [
  ["segment.ms", ["1000", "604800000"]],
  ["index.interval.bytes", ["64", "4096"]],
  ["flush.ms", ["50", "9223372036854775807"]],
];
const ALL_RECORDS = -1;

export class Admin extends Actor {
  constructor(
    role: Role,
    private readonly brokerIds: readonly number[],
    private readonly replicationFactor: number,
  ) {
    super(role);
  }

  protected async step(): Promise<void> {
    try {
      await this.#change();
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
    }
  }

  async #change(): Promise<unknown> {
    const { random, wire } = this;
    const [name, partition] = this.#somewhere();
    switch (random.below(7)) {
      case 0:
      case 1:
        return this.#reassign(name, partition, this.#someBrokers());
      case 2:
        return this.#reassign(name, partition, null);
      case 3:
        return wire.ask(electLeaders, 2, {
          electionType: PREFERRED,
          topicPartitions: [{ topic: name, partitions: [partition] }],
          timeoutMs: TIMEOUT_MS,
        });
      case 4:
        return this.#configure(name);
      case 5:
        return random.chance(0.5) ? this.#make() : this.#remove();
      default:
        return wire.ask(deleteRecords, 2, {
          topics: [{ name: SPARE, partitions: [{ partitionIndex: 0, offset: ALL_RECORDS }] }],
          timeoutMs: TIMEOUT_MS,
        });
    }
  }

  #reassign(name: string, partitionIndex: number, replicas: readonly number[] | null) {
    const partitions = [{ partitionIndex, replicas: replicas === null ? null : [...replicas] }];
    const topics = [{ name, partitions }];
    return this.wire.ask(alterPartitionReassignments, 1, { topics, timeoutMs: TIMEOUT_MS });
  }

  #configure(resourceName: string) {
    const [name, values] = this.random.pick(SETTINGS);
    const configs = [{ name, configOperation: SET, value: this.random.pick(values) }];
    const resources = [{ resourceType: TOPIC_RESOURCE, resourceName, configs }];
    return this.wire.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  }

  #make() {
    const { replicationFactor } = this;
    const topic = { name: SPARE, numPartitions: 1, replicationFactor };
    const topics = [{ ...topic, assignments: [], configs: [] }];
    return this.wire.ask(createTopics, 7, { topics, timeoutMs: TIMEOUT_MS });
  }

  #remove() {
    return this.wire.ask(deleteTopics, 5, { topicNames: [SPARE], timeoutMs: TIMEOUT_MS });
  }

  #somewhere(): readonly [string, number] {
    const { random } = this;
    const name = random.pick([TOPIC, INPUT, OUTPUT, SPARE, ...COORDINATORS]);
    if (name === TOPIC) return [name, random.below(PARTITIONS)];
    return [name, COORDINATORS.includes(name) ? random.below(COORDINATOR_PARTITIONS) : 0];
  }

  #someBrokers(): number[] {
    const left = [...this.brokerIds];
    return Array.from({ length: this.replicationFactor }, () => {
      return left.splice(this.random.below(left.length), 1)[0]!;
    });
  }
}
