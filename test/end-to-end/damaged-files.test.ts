/**
 * Every file that a start reads, spoilt: the records are recovered, or the start is refused with
 * one line. What is damaged is never served as if it were not, and no start makes things worse.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import {
  BrokerProcess,
  expectRefusal,
  killLeftovers,
  runToEnd,
  Scratch,
} from "./broker-process.ts";
import { Connection, createTopic } from "./client.ts";
import { countOf, faultTest, longFaultTest, newChance, tellLeftOut } from "./faults.ts";
import {
  expectCommittedOffset,
  expectFindable,
  expectGoesOn,
  GROUP,
  look,
  makeSpecimen,
  SETTINGS,
  type Sight,
  type Specimen,
  TOPIC,
} from "./specimen.ts";
import {
  addBytes,
  addZeros,
  fileOf,
  filesOf,
  flipBit,
  flipCheckedBit,
  garbage,
  remove,
  tear,
} from "./spoil.ts";

const scratch = new Scratch();
const chance = newChance("damaged files");
let specimen: Specimen;
beforeAll(async () => {
  specimen = await makeSpecimen(scratch);
}, 30_000);
afterAll(async () => {
  await killLeftovers();
  scratch.remove();
}, 60_000);

/**
 * What is left of the records:
 *   whole      all of them, and everything finds them
 *   prefix     all up to some point, from where the log goes on
 *   suffix     all from some point on
 *   holed      all but some, of which nobody is told wrong
 */
type Rest = "whole" | "prefix" | "suffix" | "holed";
type State = "clean" | "crashed";
type Row = [name: string, state: State, rest: Rest, spoil: (directory: string) => void];

/** Linux gives files the time of its last tick. */
const FILE_TIME_STEP_MS = 10;
const TIMES = countOf("BUNKA_DAMAGE_TIMES", { short: 1, all: 1, long: 8 });
let copies = 0;

function copyOf(state: State): string {
  const directory = join(scratch.path, `copy-${copies++}`);
  cpSync(specimen[state], directory, { recursive: true });
  return directory;
}

function recovers(make: typeof faultTest, rows: readonly Row[]): void {
  for (const [name, state, rest, spoil] of rows) {
    make(`${name}, ${state}: ${rest}`, async () => {
      for (let left = TIMES; left > 0; left--) await expectRecovered(state, spoil, rest);
    });
  }
}

async function expectRecovered(state: State, spoil: Row[3], rest: Rest): Promise<void> {
  const directory = copyOf(state);
  await Bun.sleep(FILE_TIME_STEP_MS);
  spoil(directory);
  let broker = await BrokerProcess.start(directory, SETTINGS);
  const sight = await look(broker, specimen);
  expectRest(sight, rest);
  if (rest === "whole") await expectFindable(broker, specimen);
  await expectCommittedOffset(broker);
  // A second start finds what the first has left, after a crash or after a stop.
  const isKilled = chance.oneIn(2);
  if (isKilled) await broker.kill();
  else expect((await broker.stop()).exitCode).toBe(0);
  broker = await BrokerProcess.start(directory, SETTINGS);
  const again = await look(broker, specimen);
  // Recovery after a crash cuts the active segment off where it is damaged.
  if (isKilled && rest === "holed") expectPrefix(again, sight);
  else expect(again).toEqual(sight);
  await expectGoesOn(broker, specimen, again, rest === "whole");
  expect((await broker.stop()).exitCode).toBe(0);
  scratch.doneWith(directory);
}

function expectRest({ offsets, logStartOffset, logEndOffset, damagedAt }: Sight, rest: Rest): void {
  const count = specimen.records.length;
  const isGapless = offsets.every((offset, index) => offset === logStartOffset + index);
  if (rest !== "holed") {
    expect(damagedAt).toEqual([]);
    expect(isGapless, "no hole").toBe(true);
    expect(offsets.length).toBe(logEndOffset - logStartOffset);
  }
  if (rest === "whole" || rest === "prefix") expect(logStartOffset).toBe(0);
  if (rest === "whole" || rest === "suffix") expect(logEndOffset).toBe(count);
  if (rest === "prefix") expect(logEndOffset).toBeLessThan(count);
  if (rest === "suffix") expect(logStartOffset).toBeGreaterThan(0);
}

function expectPrefix(again: Sight, before: Sight): void {
  expect(again.offsets).toEqual(before.offsets.slice(0, again.offsets.length));
  expect(again.logEndOffset).toBeLessThanOrEqual(before.logEndOffset);
}

/** Trying again is no way out, and does no harm. */
async function expectRefused(state: State, spoil: Row[3], reason: RegExp): Promise<void> {
  const directory = copyOf(state);
  spoil(directory);
  const overrides = { "log.dirs": directory, ...SETTINGS };
  for (let tries = 0; tries < 2; tries++) expectRefusal(await runToEnd(overrides), reason);
  scratch.doneWith(directory);
}

function refuses(
  make: typeof faultTest,
  rows: readonly [name: string, spoil: Row[3], reason: RegExp][],
): void {
  for (const [name, spoil, reason] of rows) {
    make(`${name}: refused`, async () => {
      for (const state of ["clean", "crashed"] as const) {
        for (let left = TIMES; left > 0; left--) await expectRefused(state, spoil, reason);
      }
    });
  }
}

const METADATA = "__cluster_metadata-0";
const at = (name: string) => (directory: string) => join(directory, name);

describe("batches", () => {
  const active = (dir: string) => fileOf(dir, ".log", -1);
  recovers(faultTest, [
    ["a torn tail", "crashed", "prefix", (dir) => tear(active(dir), chance, 3000)],
    [
      "a flipped bit in the active segment",
      "crashed",
      "prefix",
      (dir) => {
        flipCheckedBit(active(dir), chance);
      },
    ],
    [
      "a flipped bit in a closed segment",
      "clean",
      "holed",
      (dir) => {
        flipCheckedBit(fileOf(dir, ".log", 1), chance);
      },
    ],
  ]);
  recovers(longFaultTest, [
    ["a torn tail", "clean", "prefix", (dir) => tear(active(dir), chance, 3000)],
    [
      "a flipped bit in the active segment",
      "clean",
      "holed",
      (dir) => {
        flipCheckedBit(active(dir), chance);
      },
    ],
    [
      "a flipped bit in a closed segment",
      "crashed",
      "holed",
      (dir) => {
        flipCheckedBit(fileOf(dir, ".log", 1), chance);
      },
    ],
    ["zeros behind the active segment", "crashed", "whole", (dir) => addZeros(active(dir), 5000)],
    ["zeros behind the active segment", "clean", "whole", (dir) => addZeros(active(dir), 5000)],
    [
      "garbage behind the active segment",
      "crashed",
      "whole",
      (dir) => {
        addBytes(active(dir), chance.bytes(700));
      },
    ],
    [
      "garbage behind the active segment",
      "clean",
      "whole",
      (dir) => {
        addBytes(active(dir), chance.bytes(700));
      },
    ],
  ]);
  for (const state of ["clean", "crashed"] as const) {
    recovers(longFaultTest, [
      ["no first segment", state, "suffix", (dir) => remove(fileOf(dir, ".log", 0))],
      [
        "no closed segment in the middle",
        state,
        "holed",
        (dir) => {
          remove(fileOf(dir, ".log", 2));
        },
      ],
      ["no active segment", state, "prefix", (dir) => remove(fileOf(dir, ".log", -1))],
    ]);
  }
});

describe("indexes", () => {
  for (const state of ["clean", "crashed"] as const) {
    const make = state === "clean" ? faultTest : longFaultTest;
    for (const suffix of [".index", ".timeindex"]) {
      for (const [which, segment] of [
        ["the active", -1],
        ["a closed", 1],
      ] as const) {
        const file = (dir: string) => fileOf(dir, suffix, segment);
        recovers(suffix === ".index" && segment === 1 ? make : longFaultTest, [
          [
            `a flipped bit in ${which} ${suffix}`,
            state,
            "whole",
            (dir) => {
              flipBit(file(dir), chance);
            },
          ],
        ]);
        recovers(longFaultTest, [
          [`no ${which} ${suffix}`, state, "whole", (dir) => remove(file(dir))],
          [`garbage for ${which} ${suffix}`, state, "whole", (dir) => garbage(file(dir), chance)],
          [`zeros behind ${which} ${suffix}`, state, "whole", (dir) => addZeros(file(dir), 4096)],
          [`an empty ${which} ${suffix}`, state, "whole", (dir) => writeFileSync(file(dir), "")],
        ]);
      }
    }
  }
});

describe("what is known of a partition", () => {
  for (const state of ["clean", "crashed"] as const) {
    const checkpoints = [
      "recovery-point-offset-checkpoint",
      "replication-offset-checkpoint",
      `topic-0/leader-epoch-checkpoint`,
    ];
    for (const name of checkpoints) {
      const path = at(name);
      recovers(name.startsWith("recovery") ? faultTest : longFaultTest, [
        [`garbage for ${name}`, state, "whole", (dir) => garbage(path(dir), chance)],
      ]);
      recovers(longFaultTest, [
        [`no ${name}`, state, "whole", (dir) => remove(path(dir))],
        [`an empty ${name}`, state, "whole", (dir) => writeFileSync(path(dir), "")],
      ]);
    }
    recovers(longFaultTest, [
      [
        "no producer snapshots",
        state,
        "whole",
        (dir) => {
          for (const path of filesOf(dir, ".snapshot")) remove(path);
        },
      ],
      [
        "a flipped bit in every producer snapshot",
        state,
        "whole",
        (dir) => {
          for (const path of filesOf(dir, ".snapshot")) flipBit(path, chance);
        },
      ],
      [
        "a flipped bit in the last producer snapshot",
        state,
        "whole",
        (dir) => {
          flipBit(fileOf(dir, ".snapshot", -1), chance);
        },
      ],
      [
        "an empty last producer snapshot",
        state,
        "whole",
        (dir) => {
          writeFileSync(fileOf(dir, ".snapshot", -1), "");
        },
      ],
    ]);
  }
  recovers(longFaultTest, [
    [
      "garbage for log-start-offset-checkpoint",
      "clean",
      "whole",
      (dir) => garbage(join(dir, "log-start-offset-checkpoint"), chance),
    ],
    [
      "garbage for the marker of a clean stop",
      "clean",
      "whole",
      (dir) => {
        garbage(join(dir, ".kafka_cleanshutdown"), chance);
      },
    ],
    [
      "a marker of a clean stop that is a lie",
      "crashed",
      "whole",
      (dir) => {
        writeFileSync(join(dir, ".kafka_cleanshutdown"), '{"version":0,"brokerEpoch":1}');
      },
    ],
  ]);
});

describe("what does not belong there", () => {
  for (const state of ["clean", "crashed"] as const) {
    recovers(state === "clean" ? faultTest : longFaultTest, [
      [
        "strange files and directories",
        state,
        "whole",
        (dir) => {
          for (const name of [
            "lost+found",
            "backup",
            "a-b-c",
            "topic-x",
            "topic-",
            "-0",
            "..a-1",
          ]) {
            mkdirSync(join(dir, name));
            garbage(join(dir, name, "00000000000000000000.log"), chance);
          }
          for (const name of ["core", "notes-0", ".DS_Store", "x.tmp", "topic-1.txt"]) {
            garbage(join(dir, name), chance);
          }
          for (const name of [
            "1.log",
            "00000000000000000000.junk",
            "readme",
            "x.index",
            "a.deleted",
          ]) {
            garbage(join(dir, "topic-0", name), chance);
          }
          mkdirSync(join(dir, "topic-0", "folder"));
        },
      ],
      [
        "what a crash may leave unfinished",
        state,
        "whole",
        (dir) => {
          for (const name of [
            "recovery-point-offset-checkpoint.tmp",
            "meta.properties.tmp",
            "topic-0/leader-epoch-checkpoint.tmp",
            "topic-0/00000000000000000000.log.deleted",
            "topic-0/00000000000000000000.log.cleaned",
            "topic-0/00000000000000000003.index.deleted",
            "topic-0/partition.metadata.tmp",
            `${METADATA}/quorum-state.tmp`,
            `${METADATA}/00000000000000000007-0000000001.checkpoint.part`,
          ]) {
            garbage(join(dir, name), chance);
          }
        },
      ],
    ]);
  }
});

describe("metadata", () => {
  for (const state of ["clean", "crashed"] as const) {
    recovers(longFaultTest, [
      ["no quorum-state", state, "whole", (dir) => remove(join(dir, METADATA, "quorum-state"))],
      [
        "no index of the metadata",
        state,
        "whole",
        (dir) => {
          remove(fileOf(dir, ".index", -1, METADATA));
        },
      ],
      [
        "garbage behind the metadata",
        state,
        "whole",
        (dir) => {
          addBytes(fileOf(dir, ".log", -1, METADATA), chance.bytes(200));
        },
      ],
      [
        "a torn batch behind the metadata",
        state,
        "whole",
        (dir) => {
          const path = fileOf(dir, ".log", -1, METADATA);
          addBytes(path, readFileSync(path).subarray(0, 70));
        },
      ],
      [
        "no bootstrap.checkpoint",
        state,
        "whole",
        (dir) => {
          remove(join(dir, "bootstrap.checkpoint"));
        },
      ],
    ]);
  }
  refuses(faultTest, [
    [
      "garbage for meta.properties",
      (dir) => garbage(join(dir, "meta.properties"), chance),
      /meta\.properties/,
    ],
    ["no meta.properties", (dir) => remove(join(dir, "meta.properties")), /meta\.properties/],
  ]);
  refuses(longFaultTest, [
    [
      "an empty meta.properties",
      (dir) => writeFileSync(join(dir, "meta.properties"), ""),
      /meta\.properties/,
    ],
    [
      "garbage for quorum-state",
      (dir) => garbage(join(dir, METADATA, "quorum-state"), chance),
      /quorum-state/,
    ],
    [
      "an empty quorum-state",
      (dir) => writeFileSync(join(dir, METADATA, "quorum-state"), ""),
      /quorum-state/,
    ],
    [
      "a flipped bit in the middle of the metadata",
      (dir) => {
        const path = fileOf(dir, ".log", -1, METADATA);
        const bytes = readFileSync(path);
        bytes[Math.floor(bytes.length / 2)]! ^= 1 << chance.below(8);
        writeFileSync(path, bytes);
      },
      /__cluster_metadata-0 (is damaged|ends at)/,
    ],
    [
      "no metadata log",
      (dir) => remove(fileOf(dir, ".log", -1, METADATA)),
      /__cluster_metadata-0 (is damaged|ends at)/,
    ],
  ]);
});

describe("what is rare", () => {
  longFaultTest("a damaged snapshot of the metadata: refused", async () => {
    const settings = { ...SETTINGS, "metadata.log.max.record.bytes.between.snapshots": "300" };
    const directory = join(scratch.path, "snapshots");
    for (let starts = 0; starts < 3; starts++) {
      const broker = await BrokerProcess.start(directory, settings);
      using connection = await Connection.open(broker.port);
      for (let topic = 0; topic < 5; topic++) {
        await createTopic(connection, `topic-${starts}-${topic}`);
      }
      await broker.line(/wrote snapshot/);
      expect((await broker.stop()).exitCode).toBe(0);
    }
    flipBit(fileOf(directory, ".checkpoint", -1, METADATA), chance);
    const overrides = { "log.dirs": directory, ...settings };
    for (let tries = 0; tries < 2; tries++) {
      expectRefusal(await runToEnd(overrides), /\.checkpoint: /);
    }
  });

  for (const state of ["clean", "crashed"] as const) {
    recovers(longFaultTest, [
      [
        "garbage for partition.metadata",
        state,
        "whole",
        (dir) => {
          garbage(join(dir, "topic-0/partition.metadata"), chance);
        },
      ],
      [
        "no partition.metadata",
        state,
        "whole",
        (dir) => {
          remove(join(dir, "topic-0/partition.metadata"));
        },
      ],
    ]);
  }

  longFaultTest("a damaged log of committed offsets: no older offset is told", async () => {
    const directory = copyOf("clean");
    flipCheckedBit(fileOf(directory, ".log", -1, "__consumer_offsets-0"), chance);
    const broker = await BrokerProcess.start(directory, SETTINGS);
    using connection = await Connection.open(broker.port);
    await broker.line(/ERROR groups: __consumer_offsets-0: cannot be loaded/);
    const answer = await connection.request(offsetFetch, 8, {
      groups: [{ groupId: GROUP, topics: [{ name: TOPIC, partitionIndexes: [0] }] }],
    });
    expect(answer.groups[0]!.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expectRest(await look(broker, specimen), "whole");
    expect((await broker.stop()).exitCode).toBe(0);
  });
});

tellLeftOut();
