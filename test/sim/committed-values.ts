/**
 * What a read_committed reader gets of a partition, as clients make it of an answer: batches of
 * aborted transactions are left out, up to the marker of their producer.
 */
import { expect } from "bun:test";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import * as header from "../../src/protocol/record-batch.ts";
import { readRecords } from "../../src/protocol/record.ts";
import type { TestBroker } from "../api/broker-kit.ts";

export interface Committed {
  readonly values: string[];
  /** Offsets of markers of a transaction that had one already. */
  readonly repeatedMarkers: number[];
}

/** Also expects that nothing is open. */
export function readCommitted(broker: TestBroker, topic: string, partition: number): Committed {
  const { log } = broker.node.partitions.find(topic, partition)!;
  broker.world.clock.settle();
  const answer = broker.wait(
    broker.asker.quietly(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      isolationLevel: 1,
      topics: [{ topic, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
      forgottenTopicsData: [],
    }),
  ).responses[0]!.partitions[0]!;
  expect(answer.lastStableOffset).toBe(log.logEndOffset);
  const aborted = [...(answer.abortedTransactions ?? [])];
  const shut = new Set<number>();
  const open = new Set<number>();
  const markers = new Set<string>();
  const committed: Committed = { values: [], repeatedMarkers: [] };
  const bytes = answer.records ?? Buffer.alloc(0);
  for (let at = 0; at < bytes.length; at += header.batchSize(bytes, at)) {
    const producerId = header.producerId(bytes, at);
    const offset = header.baseOffset(bytes, at);
    if (header.isControl(bytes, at)) {
      const marker = `${producerId} ${header.producerEpoch(bytes, at)}`;
      if (markers.has(marker) && !open.has(producerId)) committed.repeatedMarkers.push(offset);
      open.delete(producerId);
      markers.add(marker);
      shut.delete(producerId);
      continue;
    }
    open.add(producerId);
    const index = aborted.findIndex(
      (each) => each.producerId === producerId && each.firstOffset <= offset,
    );
    if (index !== -1) {
      shut.add(producerId);
      aborted.splice(index, 1);
    }
    if (shut.has(producerId)) continue;
    for (const { value } of readRecords(bytes, at)) committed.values.push(value!.toString());
  }
  expect([...open]).toEqual([]);
  return committed;
}
