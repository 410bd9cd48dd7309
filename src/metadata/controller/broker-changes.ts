/** The records that follow from a broker being fenced, unfenced, stopped or gone. */
import { assert } from "../../base/assert.ts";
import { ControlledShutdown, Fencing } from "../image.ts";
import type { NewRecord } from "../record.ts";
import {
  type PartitionOfTopic,
  type TopicImage,
  partitionsOf,
  partitionsWithBrokerInElr,
  partitionsWithBrokerInIsr,
  partitionsWithoutLeader,
} from "../topics-image.ts";
import { type ControllerState, effectiveMinIsr } from "./command.ts";
import { type PartitionTarget, allowedElection, changePartition } from "./partition-change.ts";

/** It leaves every ISR, and others lead; then it is fenced. */
export function fenceBroker(state: ControllerState, brokerId: number): NewRecord[] {
  return [
    ...leadersWithout(state, brokerId),
    changeRecord(state, brokerId, 0, { fenced: Fencing.FENCE }),
  ];
}

/** Partitions without a leader may be led by it now. */
export function unfenceBroker(state: ControllerState, brokerId: number): NewRecord[] {
  const isActive = (id: number) => id === brokerId || state.image.cluster.isActive(id);
  return [
    changeRecord(state, brokerId, 0, { fenced: Fencing.UNFENCE }),
    ...changeAll(state, partitionsWithoutLeader(state.image.topics), () => ({ isActive })),
  ];
}

/** The broker asked to stop: it goes on until it leads nothing. */
export function startControlledShutdown(state: ControllerState, brokerId: number): NewRecord[] {
  const started = changeRecord(state, brokerId, 1, {
    inControlledShutdown: ControlledShutdown.STARTED,
  });
  const isStarted = state.image.cluster.broker(brokerId)?.inControlledShutdown ?? false;
  return [...(isStarted ? [] : [started]), ...leadersWithout(state, brokerId)];
}

/**
 * A new incarnation registers. With ELR, replicas of a broker that did not stop cleanly lose their
 * eligibility: they may lack records that were in the page cache alone.
 */
export function previousIncarnationStopped(
  state: ControllerState,
  brokerId: number,
  isCleanShutdown: boolean,
): NewRecord[] {
  if (isCleanShutdown || !state.image.isElrEnabled) return leadersWithout(state, brokerId);
  const { topics } = state.image;
  const isActive = (id: number) => id !== brokerId && state.image.cluster.isActive(id);
  const target = ({ registration }: PartitionOfTopic): PartitionTarget => ({
    isr: registration.isr.filter((replica) => replica !== brokerId),
    uncleanShutdown: [brokerId],
    isActive,
  });
  return [
    ...changeAll(state, partitionsWithBrokerInIsr(topics, brokerId), target),
    ...changeAll(state, partitionsWithBrokerInElr(topics, brokerId), target),
  ];
}

export function unregisterBroker(state: ControllerState, brokerId: number): NewRecord[] {
  return [
    ...leadersWithout(state, brokerId),
    ...changeAll(
      state,
      partitionsWithBrokerInElr(state.image.topics, brokerId),
      withoutBroker(state, brokerId),
    ),
    {
      name: "UnregisterBrokerRecord",
      version: 0,
      value: { brokerId, brokerEpoch: epochOf(state, brokerId) },
    },
  ];
}

/** Directories of a broker failed: their replicas lead no more. */
export function directoriesOffline(
  state: ControllerState,
  brokerId: number,
  offline: readonly string[],
): NewRecord[] {
  const online = state.image.cluster.broker(brokerId)?.directories ?? [];
  const failed = online.filter((directory) => offline.includes(directory));
  if (failed.length === 0) return [];
  const logDirs = online.filter((directory) => !offline.includes(directory));
  return [
    ...changeAll(
      state,
      partitionsOnDirectories(state, brokerId, failed),
      withoutBroker(state, brokerId),
    ),
    changeRecord(state, brokerId, 2, { logDirs }),
  ];
}

export function directoriesCordoned(
  state: ControllerState,
  brokerId: number,
  cordoned: readonly string[] | null,
): NewRecord[] {
  if (cordoned === null) return [];
  const known = state.image.cluster.broker(brokerId)?.cordonedDirectories ?? null;
  if (known !== null && new Set(known).symmetricDifference(new Set(cordoned)).size === 0) return [];
  return [changeRecord(state, brokerId, 3, { cordonedLogDirs: cordoned })];
}

/** Changes partitions as if this broker were not there. */
export function leadersWithoutBrokerOn(
  state: ControllerState,
  brokerId: number,
  partitions: Iterable<PartitionOfTopic>,
): NewRecord[] {
  return changeAll(state, partitions, withoutBroker(state, brokerId));
}

export function hasLeaderships(state: ControllerState, brokerId: number): boolean {
  for (const { registration } of partitionsOf(state.image.topics)) {
    if (registration.leader === brokerId) return true;
  }
  return false;
}

type BrokerChange = Extract<NewRecord, { readonly name: "BrokerRegistrationChangeRecord" }>;

function changeRecord(
  state: ControllerState,
  brokerId: number,
  version: number,
  change: Omit<BrokerChange["value"], "brokerId" | "brokerEpoch">,
): NewRecord {
  const brokerEpoch = epochOf(state, brokerId);
  return {
    name: "BrokerRegistrationChangeRecord",
    version,
    value: { brokerId, brokerEpoch, ...change },
  };
}

function epochOf(state: ControllerState, brokerId: number): number {
  const broker = state.image.cluster.broker(brokerId);
  assert(broker !== null, `a registered broker: ${brokerId}`);
  return broker.epoch;
}

function leadersWithout(state: ControllerState, brokerId: number): NewRecord[] {
  const partitions = partitionsWithBrokerInIsr(state.image.topics, brokerId);
  return changeAll(state, partitions, withoutBroker(state, brokerId));
}

function withoutBroker(
  state: ControllerState,
  brokerId: number,
): (partition: PartitionOfTopic) => PartitionTarget {
  const isActive = (id: number) => id !== brokerId && state.image.cluster.isActive(id);
  return ({ registration }) => ({
    isr: registration.isr.filter((replica) => replica !== brokerId),
    isActive,
  });
}

function changeAll(
  state: ControllerState,
  partitions: Iterable<PartitionOfTopic>,
  targetOf: (partition: PartitionOfTopic) => PartitionTarget,
): NewRecord[] {
  const records: NewRecord[] = [];
  // Partitions come topic by topic: what the topic's settings say is worked out once.
  let topic: TopicImage | null = null;
  let ofTopic: PartitionTarget = {};
  for (const partition of partitions) {
    if (partition.topic !== topic) {
      topic = partition.topic;
      const election = allowedElection(state, topic.name);
      ofTopic = { election, minIsr: effectiveMinIsr(state, topic.name) };
    }
    const record = changePartition(state, partition, { ...ofTopic, ...targetOf(partition) });
    if (record !== null) records.push(record);
  }
  return records;
}

function* partitionsOnDirectories(
  state: ControllerState,
  brokerId: number,
  directories: readonly string[],
): Iterable<PartitionOfTopic> {
  for (const partition of partitionsOf(state.image.topics)) {
    const { registration } = partition;
    const directory = registration.directories[registration.replicas.indexOf(brokerId)];
    if (directory !== undefined && directories.includes(directory)) yield partition;
  }
}
