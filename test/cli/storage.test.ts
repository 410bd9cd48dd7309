/** Answers and exit codes are those of Apache Kafka 4.3.1's kafka-storage.sh, on the same files. */
import { describe, expect, test } from "bun:test";
import { run } from "../../src/cli/index.ts";
import { readMetaProperties } from "../../src/log/meta-properties.ts";
import { decodeRecord } from "../../src/metadata/record.ts";
import { readSnapshot } from "../../src/raft/snapshot-reader.ts";
import { fakeWorld, type FakeWorld } from "../sim/fake-world.ts";

const CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg";
const DIRECTORY_A = "JEXY6aqzQY-32P5TStzaFg";
const DIRECTORY_B = "MvDxzVmcRsaTz33bUuRU6A";

const STATIC = `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
controller.listener.names=CONTROLLER
log.dirs=/d1,/d2
`;
const DYNAMIC = STATIC.replace(
  "controller.quorum.voters=1@",
  "controller.quorum.bootstrap.servers=",
);
const ONE = DYNAMIC.replace("/d1,/d2", "/d1");

interface Outcome {
  exitCode: number;
  out: string[];
  error: string[];
}

/** Runs `storage WORDS`, the file of settings being /node.properties. */
async function storage(world: FakeWorld, words: string): Promise<Outcome> {
  const outcome: Outcome = { exitCode: -1, out: [], error: [] };
  const console = {
    out: (line: string) => outcome.out.push(line),
    error: (line: string) => outcome.error.push(line),
  };
  const context = { console, world: async () => world };
  outcome.exitCode = await run(["storage", ...words.split(" ")], context);
  return outcome;
}

function nodeWith(settings: string, files: Record<string, string> = {}): FakeWorld {
  const world = fakeWorld();
  put(world, "/node.properties", settings);
  for (const [path, text] of Object.entries(files)) put(world, path, text);
  return world;
}

function put(world: FakeWorld, path: string, text: string): void {
  world.disk.makeDirectory(path.slice(0, path.lastIndexOf("/")) || "/");
  world.disk.remove(path);
  const file = world.disk.open(path, "create");
  file.write(Buffer.from(text), 0, Buffer.byteLength(text), 0);
  file.close();
}

const FORMAT = `format -c /node.properties -t ${CLUSTER}`;

describe("info", () => {
  test("names directories that do not exist", async () => {
    const outcome = await storage(nodeWith(STATIC), "info -c /node.properties");
    expect(outcome).toEqual({
      exitCode: 1,
      out: ["Found problems:", "  /d1 does not exist", "  /d2 does not exist", ""],
      error: [],
    });
  });

  test("tells whose formatted directories are", async () => {
    const world = nodeWith(STATIC);
    await storage(world, FORMAT);
    const { exitCode, out } = await storage(world, "info --config=/node.properties");
    const id = readMetaProperties(world.disk, "/d1")?.directoryId;
    expect(exitCode).toBe(0);
    expect(out).toEqual([
      "Found log directories:",
      "  /d1",
      "  /d2",
      "",
      `Found metadata: {cluster.id=${CLUSTER}, directory.id=${id}, node.id=1, version=1}`,
      "",
    ]);
  });

  const PROBLEMS: [about: string, meta: string, problem: string][] = [
    [
      "another cluster",
      `version=1\ncluster.id=x\nnode.id=1\ndirectory.id=${DIRECTORY_A}`,
      "Mismatched cluster IDs between storage directories.",
    ],
    [
      "another node",
      `version=1\ncluster.id=${CLUSTER}\nnode.id=7\ndirectory.id=${DIRECTORY_A}`,
      "Mismatched node IDs between storage directories.",
    ],
    [
      "an unknown version",
      "version=5",
      "Error loading /d2/meta.properties: Unknown meta.properties version number 5",
    ],
    [
      "no cluster",
      "version=1\nnode.id=1",
      "Error loading /d2/meta.properties: cluster.id was not found.",
    ],
    [
      "no node",
      "version=1\ncluster.id=x",
      "Error loading /d2/meta.properties: Failed to find node.id",
    ],
  ];
  for (const [about, meta, problem] of PROBLEMS) {
    test(`finds ${about}`, async () => {
      const world = nodeWith(STATIC);
      await storage(world, FORMAT);
      put(world, "/d2/meta.properties", meta);
      const { exitCode, out } = await storage(world, "info -c /node.properties");
      expect([exitCode, out.slice(-3)]).toEqual([1, ["Found problem:", `  ${problem}`, ""]]);
    });
  }

  test("finds a file where a directory should be, and one without a format", async () => {
    const world = nodeWith(STATIC, { "/d1": "hello", "/d2/other": "x" });
    const { exitCode, out } = await storage(world, "info -c /node.properties");
    expect(exitCode).toBe(1);
    expect(out).toEqual([
      "Found log directory:",
      "  /d2",
      "",
      "Found problems:",
      "  /d1 is not a directory",
      "  /d2 is not formatted.",
      "",
    ]);
  });
});

describe("format", () => {
  test("prepares every directory, and only once", async () => {
    const world = nodeWith(STATIC);
    const first = await storage(world, FORMAT);
    expect(first.exitCode).toBe(0);
    expect(first.out[0]).toStartWith("Bootstrap metadata: BootstrapMetadata(records=[");
    expect(first.out[0]).toEndWith(", metadataVersionLevel=30, source=format command)");
    expect(first.out.slice(1)).toEqual([
      "Formatting metadata directory /d1 with metadata.version 4.3-IV0.",
      "Formatting data directory /d2 with metadata.version 4.3-IV0.",
    ]);
    const ids = ["/d1", "/d2"].map((directory) => {
      expect(world.disk.list(directory).sort()).toEqual([
        "bootstrap.checkpoint",
        "meta.properties",
      ]);
      const meta = readMetaProperties(world.disk, directory);
      expect(meta).toMatchObject({ version: 1, clusterId: CLUSTER, nodeId: 1 });
      return meta?.directoryId;
    });
    expect(new Set(ids).size).toBe(2);

    const again = await storage(world, FORMAT);
    expect(again).toEqual({
      exitCode: 1,
      out: [],
      error: [
        "Log directory /d1 is already formatted. Use --ignore-formatted to ignore this directory " +
          "and format the others.",
      ],
    });
    const ignored = await storage(world, `${FORMAT} -g`);
    expect(ignored).toEqual({
      exitCode: 0,
      out: ["All of the log directories are already formatted."],
      error: [],
    });
  });

  test("a directory that is new joins the others", async () => {
    const world = nodeWith(STATIC);
    await storage(world, FORMAT);
    put(world, "/node.properties", STATIC.replace("/d1,/d2", "/d1,/d2,/d3"));
    const { exitCode, out } = await storage(world, `${FORMAT} --ignore-formatted`);
    expect(exitCode).toBe(0);
    expect(out.slice(1)).toEqual(["Formatting data directory /d3 with metadata.version 4.3-IV0."]);
  });

  test("the directory of the metadata may be apart", async () => {
    const world = nodeWith(`${STATIC}metadata.log.dir=/m\n`);
    const { out } = await storage(world, FORMAT);
    expect(out.slice(1)).toEqual([
      "Formatting data directory /d1 with metadata.version 4.3-IV0.",
      "Formatting data directory /d2 with metadata.version 4.3-IV0.",
      "Formatting metadata directory /m with metadata.version 4.3-IV0.",
    ]);
  });

  test("the first records of the metadata lie in bootstrap.checkpoint", async () => {
    const world = nodeWith(STATIC);
    await storage(world, `${FORMAT} -r 3.9`);
    const { voters, values } = readSnapshot(world.disk, "/d1/bootstrap.checkpoint");
    expect(voters).toBeNull();
    expect(values.map((value) => decodeRecord(value))).toEqual([
      {
        name: "FeatureLevelRecord",
        version: 0,
        value: { name: "metadata.version", featureLevel: 21 },
      },
    ]);
  });

  test("--standalone makes this controller the first voter", async () => {
    const world = nodeWith(DYNAMIC);
    const { exitCode, out } = await storage(world, `${FORMAT} --standalone`);
    expect(exitCode).toBe(0);
    expect(out.slice(1)).toEqual([
      "Formatting dynamic metadata voter directory /d1 with metadata.version 4.3-IV0.",
      "Formatting data directory /d2 with metadata.version 4.3-IV0.",
    ]);
    const path = "/d1/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";
    const { kraftVersion, voters } = readSnapshot(world.disk, path);
    expect(kraftVersion).toBe(1);
    expect([...(voters?.values() ?? [])]).toEqual([
      {
        id: 1,
        directoryId: readMetaProperties(world.disk, "/d1")?.directoryId ?? "",
        endpoints: [{ name: "CONTROLLER", host: "localhost", port: 9093 }],
        kraftVersionMin: 0,
        kraftVersionMax: 1,
      },
    ]);
  });

  test("--initial-controllers names them all, this one with the directory it is given", async () => {
    const world = nodeWith(DYNAMIC);
    const voters = `1@localhost:9093:${DIRECTORY_A},2@[::1]:9093:${DIRECTORY_B}`;
    const { out } = await storage(world, `${FORMAT} --initial-controllers ${voters}`);
    expect(out[1]).toStartWith("Formatting dynamic metadata voter directory /d1");
    expect(readMetaProperties(world.disk, "/d1")?.directoryId).toBe(DIRECTORY_A);
    const path = "/d1/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";
    const all = [...(readSnapshot(world.disk, path).voters?.values() ?? [])];
    expect(all.map((voter) => voter.endpoints[0]?.host)).toEqual(["localhost", "::1"]);
  });

  test("a node that is not among them holds their snapshot all the same", async () => {
    const world = nodeWith(ONE);
    const { out } = await storage(world, `${FORMAT} -I 2@b:9093:${DIRECTORY_B}`);
    expect(out[1]).toBe("Formatting dynamic metadata directory /d1 with metadata.version 4.3-IV0.");
    expect(readMetaProperties(world.disk, "/d1")?.directoryId).not.toBe(DIRECTORY_B);
  });

  test("--no-initial-controllers leaves the voters to others", async () => {
    const world = nodeWith(ONE);
    const { exitCode, out } = await storage(world, `${FORMAT} -N`);
    expect([exitCode, out[1]]).toEqual([
      0,
      "Formatting metadata directory /d1 with metadata.version 4.3-IV0.",
    ]);
    expect(world.disk.status("/d1/__cluster_metadata-0")).toBeNull();
  });

  test("--add-scram puts a user into the metadata", async () => {
    const world = nodeWith(ONE);
    const credential =
      'SCRAM-SHA-512=[name=alice,iterations=8192,salt="N3E=",saltedpassword="YCE="]';
    const { exitCode, out } = await storage(world, `${FORMAT} -s -S ${credential}`);
    expect(exitCode).toBe(0);
    expect(out.join()).not.toMatch(/salt|Key/);
    const { values } = readSnapshot(world.disk, "/d1/bootstrap.checkpoint");
    const record = values.map((value) => decodeRecord(value)).at(-1);
    expect(record?.name).toBe("UserScramCredentialRecord");
    expect(record?.value).toMatchObject({ name: "alice", mechanism: 2, iterations: 8192 });
  });

  const REFUSED: [settings: string, words: string, error: string][] = [
    [DYNAMIC, "", "--standalone"],
    [STATIC, "-s", "controller.quorum.bootstrap.servers"],
    [STATIC, `-I 1@localhost:9093:${DIRECTORY_A}`, "controller.quorum.bootstrap.servers"],
    [
      DYNAMIC,
      "-s -N",
      "argument --no-initial-controllers/-N: not allowed with argument --standalone/-s",
    ],
    [DYNAMIC, "-I foo", "ID@HOST:PORT:DIRECTORY, not 'foo'"],
    [DYNAMIC, "-I 1@localhost:9093", "not '1@localhost:9093'"],
    [DYNAMIC, "-I 1@localhost:9093:xx", "not '1@localhost:9093:xx'"],
    [DYNAMIC, `-I x@localhost:9093:${DIRECTORY_A}`, "not 'x@"],
    [DYNAMIC, `-I 1@localhost:x:${DIRECTORY_A}`, "not '1@localhost:x"],
    [DYNAMIC, "-I -1@localhost", "argument --initial-controllers/-I: expected one argument"],
    [
      DYNAMIC,
      `-I 1@a:1:${DIRECTORY_A},1@b:1:${DIRECTORY_B}`,
      "Node id 1 was specified more than once.",
    ],
    [DYNAMIC, "-s -f foo=1", "Unsupported feature: foo. Supported features are: eligible."],
    [DYNAMIC, "-s -f foo", "Can't parse feature=level string foo: equals sign not found."],
    [DYNAMIC, "-s -f group.version=9", "No feature:group.version with feature level 9"],
    [DYNAMIC, "-s -f group.version=x", "unable to parse x as a short."],
    [DYNAMIC, "-s -f kraft.version=0", "Cannot set kraft.version to 0"],
    [STATIC, "-f kraft.version=1", "Cannot set kraft.version to 1"],
    [DYNAMIC, "-s -f metadata.version=31", "metadata.version 4.4-IV0 is not yet stable."],
    [
      DYNAMIC,
      "-s -f metadata.version=3",
      "No MetadataVersion with feature level 3. Valid feature levels are from 7 to 31.",
    ],
    [
      DYNAMIC,
      "-s -r 9.9",
      "Unknown metadata.version '9.9'. Supported metadata.version are: 3.3-IV3, ",
    ],
    [DYNAMIC, "-s -r 4.4-IV0", "Unknown metadata.version '4.4-IV0'."],
    [DYNAMIC, "-s -r 4.0 -f metadata.version=30", "Use --release-version instead"],
    [
      DYNAMIC,
      "-s -r 3.9 -f eligible.leader.replicas.version=1",
      "eligible.leader.replicas.version could not be set to 1 because it depends on " +
        "metadata.version level 23",
    ],
    [
      DYNAMIC,
      "-s -r 3.4 -S SCRAM-SHA-256=[name=a,password=b]",
      "SCRAM is only supported in metadata.version 3.5-IV2 or later.",
    ],
    [DYNAMIC, "--bogus", "unrecognized arguments: '--bogus'"],
  ];
  for (const [settings, words, error] of REFUSED) {
    test(`${settings === STATIC ? "static" : "dynamic"} ${words} is refused`, async () => {
      const world = nodeWith(settings);
      const outcome = await storage(world, `${FORMAT} ${words}`.trim());
      expect([outcome.exitCode, outcome.out, outcome.error.length]).toEqual([1, [], 1]);
      expect(outcome.error[0]).toContain(error);
      expect(world.disk.status("/d1")).toBeNull();
    });
  }

  test("a node that is no controller cannot be alone", async () => {
    const broker = ONE.replace("broker,controller", "broker").replace(",CONTROLLER://:9093", "");
    const { exitCode, error } = await storage(nodeWith(broker), `${FORMAT} -s`);
    expect([exitCode, error]).toEqual([1, ["You can only use --standalone on a controller."]]);
  });

  test("a directory of another cluster is left alone", async () => {
    const world = nodeWith(ONE);
    await storage(world, `${FORMAT} -s`);
    const { exitCode, error } = await storage(world, "format -c /node.properties -t other -s -g");
    expect(exitCode).toBe(1);
    expect(error).toEqual([
      `Invalid cluster.id in: /d1/meta.properties. Expected other, but read ${CLUSTER}`,
    ]);
  });

  test("a file where a directory should be is told, and not touched", async () => {
    const world = nodeWith(ONE, { "/d1": "hello" });
    const outcome = await storage(world, `${FORMAT} -s`);
    expect(outcome).toEqual({
      exitCode: 1,
      out: ["I/O error trying to read log directory /d1. Ignoring..."],
      error: ["No available log directories to format."],
    });
    expect(world.disk.readWhole("/d1").toString()).toBe("hello");
  });

  test("settings that contradict each other are refused", async () => {
    const { exitCode, error } = await storage(nodeWith(`${ONE}\nbroker.id=2`), `${FORMAT} -s`);
    expect([exitCode, error]).toEqual([1, ["node.id and broker.id must be the same number"]]);
  });
});

describe("version-mapping and feature-dependencies", () => {
  test("a release maps to its levels", async () => {
    const { exitCode, out } = await storage(fakeWorld(), "version-mapping --release-version 3.8");
    expect([exitCode, out]).toEqual([
      0,
      [
        "metadata.version=20 (3.8)",
        "kraft.version=0",
        "transaction.version=0",
        "group.version=0",
        "eligible.leader.replicas.version=0",
        "share.version=0",
        "streams.version=0",
      ],
    ]);
    const newest = await storage(fakeWorld(), "version-mapping");
    expect(newest.out.slice(0, 3)).toEqual([
      "metadata.version=30 (4.3-IV0)",
      "kraft.version=1",
      "transaction.version=2",
    ]);
  });

  test("a level says what it needs", async () => {
    const flags = "-f metadata.version=30 -f group.version=1 -f eligible.leader.replicas.version=1";
    const { exitCode, out } = await storage(fakeWorld(), `feature-dependencies ${flags}`);
    expect([exitCode, out]).toEqual([
      0,
      [
        "metadata.version=30 (4.3-IV0) has no dependencies.",
        "group.version=1 has no dependencies.",
        "eligible.leader.replicas.version=1 requires:",
        "    metadata.version=23 (4.0-IV1)",
      ],
    ]);
  });

  const REFUSED: [words: string, error: string][] = [
    ["version-mapping -r 9", "Unknown metadata.version '9'."],
    ["feature-dependencies", "argument --feature/-f is required"],
    ["feature-dependencies -f foo=1", "Unknown feature: foo"],
    ["feature-dependencies -f group.version", "Invalid feature format: group.version."],
    [
      "feature-dependencies -f group.version=x",
      "Invalid version format: x for feature group.version",
    ],
    ["feature-dependencies -f group.version=7", "Feature level 7 is not supported for feature"],
    ["feature-dependencies -f metadata.version=77", "Unknown metadata.version 77"],
  ];
  for (const [words, error] of REFUSED) {
    test(`${words} is refused`, async () => {
      const outcome = await storage(fakeWorld(), words);
      expect([outcome.exitCode, outcome.error.length]).toEqual([1, 1]);
      expect(outcome.error[0]).toContain(error);
    });
  }
});

test("random-uuid prints one", async () => {
  const { exitCode, out } = await storage(fakeWorld(), "random-uuid");
  expect(exitCode).toBe(0);
  expect(out).toEqual([expect.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)]);
});
