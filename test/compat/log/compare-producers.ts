/**
 * What two logs know of their producers after a restart, where the start of the log has moved. Kafka
 * deletes every snapshot at or below the start (ProducerStateManager.truncateAndReload) and replays
 * from the start on (UnifiedLog.rebuildProducerState); we keep what stands in the snapshot.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../../src/log/log.ts";
import { batchSize, lastOffset, producerId } from "../../../src/protocol/record-batch.ts";

/** One line a producer, as Kafka's side writes them. */
export function describeProducers(log: Log): string[] {
  const rows = log.activeProducers().sort((left, right) => left.producerId - right.producerId);
  return rows.map((each) => {
    const { producerId, epoch, lastSequence, lastTimestamp, coordinatorEpoch } = each;
    const who = `${producerId} ${epoch} ${lastSequence} ${lastTimestamp}`;
    return `${who} ${coordinatorEpoch} ${each.transactionFirstOffset}`;
  });
}

/**
 * True when Kafka has forgotten some of what stood below the start of the log; throws where the two
 * differ for another reason.
 */
export function hasKafkaForgotten(root: string, theirs: readonly string[], log: Log): boolean {
  const kept = producersInFiles(join(root, "b/t-0"), log.logStartOffset);
  const ours = describeProducers(log);
  let hasForgotten = false;
  for (const entry of ours.filter((text) => !theirs.includes(text))) {
    const [producerId] = entry.split(" ");
    const known = theirs.find((text) => text.startsWith(`${producerId} `)) ?? null;
    const isBelow =
      known === null ? !kept.has(Number(producerId)) : isWeaker(known, entry, log.logStartOffset);
    if (!isBelow) throw new Error(`a producer\n  Kafka ${known}\n  ours  ${entry}`);
    hasForgotten = true;
  }
  const ids = ours.map((text) => text.split(" ")[0]);
  const more = theirs.find((text) => !ids.includes(text.split(" ")[0]));
  if (more !== undefined) throw new Error(`a producer that only Kafka has: ${more}`);
  return hasForgotten || !areAbortsSame(root);
}

/** Who has a batch that ends at the offset or behind it. */
function producersInFiles(folder: string, offset: number): Set<number> {
  const found = new Set<number>();
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".log"))) {
    const bytes = readFileSync(join(folder, name));
    for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
      if (lastOffset(bytes, at) >= offset) found.add(producerId(bytes, at));
    }
  }
  return found;
}

/** The same but for what stood below the start: a sequence, a marker, where a transaction began. */
function isWeaker(theirs: string, ours: string, logStartOffset: number): boolean {
  const left = theirs.split(" ").map(Number);
  const right = ours.split(" ").map(Number);
  const firstOffset = right[5]!;
  return left.every((field, index) => {
    if (field === right[index]) return true;
    if (index === 2 || index === 4) return field === -1;
    return index === 5 && firstOffset !== -1 && firstOffset < logStartOffset;
  });
}

/** A recovery writes these anew, and with a transaction's first offset that is known no more. */
function areAbortsSame(root: string): boolean {
  const [theirs, ours] = ["k", "b"].map((side) => {
    const folder = join(root, side, "t-0");
    const names = readdirSync(folder).filter((name) => name.endsWith(".txnindex"));
    const files = names.map((name) => [name, readFileSync(join(folder, name)).toString("hex")]);
    return JSON.stringify(files.filter(([, bytes]) => bytes !== "").sort());
  });
  return theirs === ours;
}
