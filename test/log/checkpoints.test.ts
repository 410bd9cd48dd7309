import { describe, expect, test } from "bun:test";
import { formatCheckpoint, parseCheckpoint } from "../../src/log/checkpoint-text.ts";
import {
  cleanShutdownEpoch,
  takeCleanShutdown,
  writeCleanShutdown,
} from "../../src/log/clean-shutdown.ts";
import { LeaderEpochs } from "../../src/log/leader-epochs.ts";
import {
  parsePartitionDirectoryName,
  partingDirectoryName,
  segmentFileName,
} from "../../src/log/log-names.ts";
import { OffsetCheckpoint } from "../../src/log/offset-checkpoint.ts";
import { readTopicId, writeTopicId } from "../../src/log/partition-metadata.ts";
import { replaceFile } from "../../src/log/replace-file.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { FakeDisk } from "../sim/fake-disk.ts";
import { FakeRandom } from "../sim/fake-random.ts";

function put(disk: FakeDisk, path: string, text: string): void {
  const file = disk.open(path, "create");
  file.truncate(0);
  file.write(Buffer.from(text), 0, text.length, 0);
  file.close();
}

describe("checkpoint files", () => {
  test("are Kafka's text", () => {
    expect(formatCheckpoint(["topic 3 42", "other 0 7"]).toString()).toBe(
      "0\n2\ntopic 3 42\nother 0 7\n",
    );
    expect(parseCheckpoint(Buffer.from("0\n2\na 1 2\nb 0 7\n"), 3)).toEqual([
      ["a", "1", "2"],
      ["b", "0", "7"],
    ]);
    expect(parseCheckpoint(Buffer.from(""), 3)).toEqual([]);
    expect(parseCheckpoint(Buffer.from("0\n0\n"), 3)).toEqual([]);
  });

  for (const text of ["1\n0\n", "0\n2\na 1 2\n", "0\nx\n", "0\n1\na 1\n", "0", "\n\n", "0\n1\n"]) {
    test(`refuse ${JSON.stringify(text)}`, () => {
      expect(() => parseCheckpoint(Buffer.from(text), 3)).toThrow(ProtocolError);
    });
  }

  test("hold an offset for each partition, once", async () => {
    const disk = new FakeDisk(1);
    const checkpoint = new OffsetCheckpoint(disk, "", "recovery-point-offset-checkpoint");
    expect(checkpoint.read().size).toBe(0);
    await checkpoint.write(() => ["a-b 0 5", "c 1 9007199254740991"]);
    expect([...checkpoint.read()]).toEqual([
      ["a-b-0", 5],
      ["c-1", Number.MAX_SAFE_INTEGER],
    ]);
    for (const line of ["a 0 -1", "a x 1", "a 0 1\na 0 1", "a 0 9999999999999999999"]) {
      const count = line.split("\n").length;
      put(disk, "/recovery-point-offset-checkpoint", `0\n${count}\n${line}\n`);
      expect(() => checkpoint.read()).toThrow(ProtocolError);
    }
  });

  test("that are asked for during a writing are written once more, with the last contents", async () => {
    const disk = new FakeDisk(1);
    const checkpoint = new OffsetCheckpoint(disk, "", "c");
    const collected: string[] = [];
    const write = (name: string) => {
      return checkpoint.write(() => {
        collected.push(name);
        return [`${name} 0 1`];
      });
    };
    await Promise.all([write("a"), write("b"), write("c")]);
    expect(collected).toEqual(["a", "c"]);
    expect([...checkpoint.read().keys()]).toEqual(["c-0"]);
  });

  test("are the old or the new after any loss of power", async () => {
    for (let seed = 0; seed < 100; seed++) {
      const disk = new FakeDisk(seed);
      await replaceFile(disk, () => "/f", Buffer.from("old"));
      const pending: (() => void)[] = [];
      disk.later = (callback) => void pending.push(callback);
      const contents = Buffer.from("newer contents");
      if (seed % 2 === 0) void replaceFile(disk, () => "/f", contents);
      else void disk.replaceLater("/f", contents);
      for (let step = seed % 4; step > 0; step--) {
        pending.shift()?.();
        for (let turn = 0; turn < 4; turn++) await Promise.resolve();
      }
      const after = disk.crash("random").readWhole("/f").toString();
      expect(["old", "newer contents"]).toContain(after);
    }
  });
});

describe("the marker of a clean stop", () => {
  test("names the broker epoch, and is gone once it was read", async () => {
    const disk = new FakeDisk(1);
    disk.makeDirectory("/data");
    expect(cleanShutdownEpoch(disk, "/data")).toBe(-1);
    expect(await takeCleanShutdown(disk, "/data")).toBe(false);
    await writeCleanShutdown(disk, "/data", 42);
    expect(disk.readWhole("/data/.kafka_cleanshutdown").toString()).toBe(
      '{"version":0,"brokerEpoch":42}',
    );
    expect(cleanShutdownEpoch(disk, "/data")).toBe(42);
    expect(await takeCleanShutdown(disk, "/data")).toBe(true);
    const next = disk.crash("none");
    expect(next.status("/data/.kafka_cleanshutdown")).toBeNull();
    for (const text of ["", "{", "[]", '{"version":0}']) {
      put(disk.kill(), "/unused", "");
      const other = new FakeDisk(1);
      other.makeDirectory("/data");
      put(other, "/data/.kafka_cleanshutdown", text);
      expect(cleanShutdownEpoch(other, "/data")).toBe(-1);
      expect(await takeCleanShutdown(other, "/data")).toBe(true);
    }
  });
});

test("partition.metadata is Kafka's, and nothing when it is torn", () => {
  const disk = new FakeDisk(1);
  disk.makeDirectory("/p");
  expect(readTopicId(disk, "/p")).toBeNull();
  writeTopicId(disk, "/p", "JEXY6aqzQY-32P5TStzaFg");
  expect(disk.readWhole("/p/partition.metadata").toString()).toBe(
    "version: 0\ntopic_id: JEXY6aqzQY-32P5TStzaFg",
  );
  expect(readTopicId(disk, "/p")).toBe("JEXY6aqzQY-32P5TStzaFg");
  for (const text of ["", "version: 0\ntopic_id: JEXY6aqz", "version: 1\n"]) {
    put(disk, "/p/partition.metadata", text);
    expect(readTopicId(disk, "/p")).toBeNull();
  }
});

describe("names of directories", () => {
  const NAMES: [name: string, parsed: unknown][] = [
    ["topic-0", { topic: "topic", partition: 0, state: "current" }],
    ["a-b.c_d-12", { topic: "a-b.c_d", partition: 12, state: "current" }],
    ["t-1.0123456789abcdef-delete", { topic: "t", partition: 1, state: "delete" }],
    ["t-1.0123456789abcdef-future", { topic: "t", partition: 1, state: "future" }],
    ["t-1.0123456789abcdef-stray", { topic: "t", partition: 1, state: "stray" }],
    ["recovery-point-offset-checkpoint", null],
    ["meta.properties", null],
    ["lost+found", null],
    ["-1", null],
    ["t-99999999999", null],
  ];
  for (const [name, parsed] of NAMES) {
    test(name, () => expect(parsePartitionDirectoryName(name)).toEqual(parsed as never));
  }

  test("of partitions on their way out fit into a file name", () => {
    const random = new FakeRandom(1);
    const name = partingDirectoryName("t".repeat(249), 3, "delete", random);
    expect(name.length).toBe(255);
    expect(name).toMatch(/^t+-3\.[0-9a-f]{32}-delete$/);
    expect(segmentFileName(42, ".log")).toBe("00000000000000000042.log");
  });
});

describe("leader epochs", () => {
  function epochsOf(text: string | null): LeaderEpochs {
    const disk = new FakeDisk(1);
    if (text !== null) put(disk, "/leader-epoch-checkpoint", text);
    return new LeaderEpochs({ disk, directory: "" }, text !== null);
  }

  test("tell where the records of an epoch end", () => {
    const epochs = epochsOf("0\n3\n2 10\n4 20\n7 30\n");
    const ends = [-1, 1, 2, 3, 4, 6, 7, 8].map((epoch) => {
      const { epoch: found, endOffset } = epochs.endOffsetFor(epoch, 99);
      return `${epoch}: ${found} ${endOffset}`;
    });
    expect(ends).toEqual([
      "-1: -1 -1",
      "1: 1 10",
      "2: 2 20",
      "3: 2 20",
      "4: 4 30",
      "6: 4 30",
      "7: 7 99",
      "8: -1 -1",
    ]);
    expect(epochsOf(null).endOffsetFor(0, 5)).toEqual({ epoch: -1, endOffset: -1 });
    expect([5, 10, 19, 20, 99].map((offset) => epochs.epochFor(offset))).toEqual([-1, 2, 2, 4, 7]);
  });

  test("that contradict a new one go", () => {
    const epochs = epochsOf(null);
    expect(epochs.latestEpoch).toBe(-1);
    epochs.assign(1, 0);
    epochs.assign(1, 10);
    epochs.assign(3, 10);
    epochs.assign(5, 20);
    epochs.assign(4, 15);
    expect(epochs.entries).toEqual([
      { epoch: 1, startOffset: 0 },
      { epoch: 3, startOffset: 10 },
      { epoch: 4, startOffset: 15 },
    ]);
    epochs.assign(6, 10);
    expect(epochs.encode().toString()).toBe("0\n2\n1 0\n6 10\n");
    expect(epochs.latestEpoch).toBe(6);
  });

  test("are cut at both ends", () => {
    const epochs = epochsOf("0\n3\n2 10\n4 20\n7 30\n");
    epochs.truncateFromEnd(31);
    expect(epochs.isDirty).toBe(false);
    epochs.truncateFromEnd(30);
    expect(epochs.isDirty).toBe(true);
    epochs.truncateFromStart(15);
    expect(epochs.entries).toEqual([
      { epoch: 2, startOffset: 15 },
      { epoch: 4, startOffset: 20 },
    ]);
    epochs.truncateFromStart(25);
    expect(epochs.earliest).toEqual({ epoch: 4, startOffset: 25 });
    epochs.clear();
    expect(epochs.entries).toEqual([]);
  });

  test("assigned before the file was read come behind it", () => {
    const epochs = epochsOf("0\n2\n2 10\n4 20\n");
    epochs.assign(9, 50);
    expect(epochs.latestEpoch).toBe(9);
    expect(epochs.entries.length).toBe(3);
  });

  test("beyond the ends of the log do not count, and a damaged file is as none", () => {
    const epochs = epochsOf("0\n3\n2 10\n4 20\n7 30\n");
    epochs.limitFile(15, 30);
    expect(epochs.entries).toEqual([
      { epoch: 2, startOffset: 15 },
      { epoch: 4, startOffset: 20 },
    ]);
    const damaged = epochsOf("0\n3\n2 10\n");
    expect(damaged.latestEpoch).toBe(-1);
    expect(damaged.isDirty).toBe(true);
  });
});
