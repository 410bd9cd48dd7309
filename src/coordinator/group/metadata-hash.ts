/**
 * What a group remembers of the topics that it reads: one hash over ids, names, partitions and
 * racks (KIP-1101). When it is another one than that in the group's record, there is a new epoch.
 *
 *   topic   XXH3-64 of: magic 0 | id, as two longs | name | partition count |
 *           for each partition: number | for each rack, sorted: length, name
 *   group   XXH3-64 of the topics' hashes, by topic name
 *
 * Numbers are little-endian; a name is its UTF-16 code units and then how many they are.
 */
import { uuidToBytes } from "../../base/uuid.ts";
import { xxh3 } from "../../base/xxh3.ts";
import type { TopicDirectory } from "./topic-directory.ts";

const MAGIC = 0;

/** Hashes of topics, remembered until their topic changes. */
export class TopicHashes {
  readonly #topics: TopicDirectory;
  readonly #hashes = new Map<string, bigint>();

  constructor(topics: TopicDirectory) {
    this.#topics = topics;
  }

  forget(topicName: string): void {
    this.#hashes.delete(topicName);
  }

  /** Topics that do not exist count as if they were not read. */
  ofGroup(topicNames: Iterable<string>): bigint {
    const hashes = [...topicNames]
      .sort()
      .map((name) => this.#ofTopic(name))
      .filter((hash) => hash !== null);
    if (hashes.length === 0) return 0n;
    const bytes = Buffer.allocUnsafe(hashes.length * 8);
    hashes.forEach((hash, index) => bytes.writeBigInt64LE(hash, index * 8));
    return xxh3(bytes);
  }

  #ofTopic(name: string): bigint | null {
    const known = this.#hashes.get(name);
    if (known !== undefined) return known;
    const id = this.#topics.idOf(name);
    if (id === null) return null;
    const hash = topicHash(this.#topics, name, id);
    this.#hashes.set(name, hash);
    return hash;
  }
}

function topicHash(topics: TopicDirectory, name: string, id: string): bigint {
  const partitionCount = topics.partitionCountOf(name) ?? 0;
  const idBytes = uuidToBytes(id);
  idBytes.subarray(0, 8).reverse();
  idBytes.subarray(8, 16).reverse();
  const parts = [Buffer.from([MAGIC]), idBytes, ...text(name), int32(partitionCount)];
  for (let partition = 0; partition < partitionCount; partition++) {
    parts.push(int32(partition));
    for (const rack of [...topics.racksOf(name, partition)].sort()) {
      parts.push(int32(rack.length), ...text(rack));
    }
  }
  return xxh3(Buffer.concat(parts));
}

function text(value: string): Buffer[] {
  return [Buffer.from(value, "utf16le"), int32(value.length)];
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32LE(value);
  return bytes;
}
