/** What a broker must not start with: one line that says why, and exit code 1. */
import { afterAll, describe, expect } from "bun:test";
import { createServer } from "node:net";
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BrokerProcess,
  expectRefusal,
  killLeftovers,
  type Overrides,
  runToEnd,
  Scratch,
  type StartOptions,
} from "./broker-process.ts";
import { faultTest, faultTestIf, longFaultTest, tellLeftOut } from "./faults.ts";

afterAll(killLeftovers);

/** As a person sees it who sets nothing. */
const QUIET: StartOptions = { logLevel: "warn" };
const IS_ROOT = process.getuid?.() === 0;
/** Root is refused nothing: another user is asked. */
const AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const NO_OTHER_USER =
  IS_ROOT && Bun.which("setpriv") !== null ? null : "needs root and setpriv to be somebody else";

async function expectRefused(
  overrides: Overrides,
  reason: RegExp,
  options: StartOptions = {},
): Promise<void> {
  expectRefusal(await runToEnd(overrides, { ...QUIET, ...options }), reason);
}

describe("settings", () => {
  const refusals: [string, Overrides, RegExp][] = [
    ["a bad number", { "log.segment.bytes": "many" }, /log\.segment\.bytes/],
    ["a number out of range", { "num.partitions": "0" }, /num\.partitions/],
    ["a bad boolean", { "auto.create.topics.enable": "perhaps" }, /auto\.create\.topics\.enable/],
    ["a bad choice", { "log.cleanup.policy": "burn" }, /log\.cleanup\.policy/],
    ["an unknown listener", { listeners: "STRANGE://127.0.0.1:0" }, /listener STRANGE/],
    ["no listener", { listeners: "nonsense" }, /listener/],
    ["SASL_SSL", { listeners: "SASL_SSL://127.0.0.1:0" }, /SASL_SSL/],
    ["SSL", { listeners: "SSL://127.0.0.1:0" }, /SSL/],
    ["an authorizer", { "authorizer.class.name": "some.Authorizer" }, /authorizer\.class\.name/],
    [
      "a broker with a controller listener",
      { "process.roles": "broker" },
      /process\.roles|controller/,
    ],
    ["an illegal port", { listeners: "PLAINTEXT://127.0.0.1:70000" }, /70000/],
    ["an empty log.dirs", { "log.dirs": "" }, /log\.dirs|log director/],
  ];
  for (const [index, [name, overrides, reason]] of refusals.entries()) {
    const make = index % 4 === 0 ? faultTest : longFaultTest;
    make(`${name} is refused before anything is written`, async () => {
      using scratch = new Scratch();
      await expectRefused({ "log.dirs": join(scratch.path, "data"), ...overrides }, reason);
      expect(readdirSync(scratch.path)).toEqual([]);
    });
  }

  faultTest("an address of another machine is refused", async () => {
    using scratch = new Scratch();
    const listeners = "PLAINTEXT://192.0.2.1:0";
    await expectRefused({ "log.dirs": scratch.path, listeners }, /192\.0\.2\.1/);
  });

  faultTest("a file of settings that is not there is refused", async () => {
    const command = [process.execPath, "src/main.ts"];
    const broker = new BrokerProcess(["broker", "/nowhere/x.properties"], { command, ...QUIET });
    expectRefusal(await broker.ended, /\/nowhere\/x\.properties/);
  });
});

describe("what others have", () => {
  faultTest("a port that is in use", async () => {
    using scratch = new Scratch();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const listeners = `PLAINTEXT://127.0.0.1:${port}`;
    await expectRefused({ "log.dirs": scratch.path, listeners }, new RegExp(`${port}: EADDRINUSE`));
    server.close();
    // Nothing of the attempt is in the way.
    const broker = await BrokerProcess.start(scratch.path, { listeners });
    expect((await broker.stop()).exitCode).toBe(0);
  });

  faultTest("a directory that another broker has, which notices nothing", async () => {
    using scratch = new Scratch();
    const first = await BrokerProcess.start(scratch.path);
    for (const path of [scratch.path, `${scratch.path}/../${scratch.path.split("/").at(-1)}`]) {
      await expectRefused({ "log.dirs": path }, /another process/);
    }
    symlinkSync(scratch.path, `${scratch.path}-link`);
    await expectRefused({ "log.dirs": `${scratch.path}-link` }, /another process/);
    expect(existsSync(join(scratch.path, ".kafka_cleanshutdown"))).toBe(false);
    expect((await first.stop()).exitCode).toBe(0);
    const second = await BrokerProcess.start(scratch.path);
    expect(second.lines.join("\n")).not.toContain("without the marker");
    expect((await second.stop()).exitCode).toBe(0);
    await Bun.$`rm ${scratch.path}-link`;
  });

  longFaultTest("a directory that a Java process has locked, and the other way round", async () => {
    using scratch = new Scratch();
    const lock = join(scratch.path, ".lock");
    const javaLock = (): BrokerProcess => {
      return new BrokerProcess([lock], { command: ["java", "test/end-to-end/TryLock.java"] });
    };
    const java = javaLock();
    await java.line(/^locked$/);
    await expectRefused({ "log.dirs": scratch.path }, /another process/);
    await java.kill();
    const broker = await BrokerProcess.start(scratch.path);
    const refused = javaLock();
    await refused.line(/^held$/);
    await refused.kill();
    expect((await broker.stop()).exitCode).toBe(0);
  });
});

describe("directories", () => {
  faultTest("a file in place of a directory", async () => {
    using scratch = new Scratch();
    const path = join(scratch.path, "file");
    writeFileSync(path, "");
    await expectRefused({ "log.dirs": path }, new RegExp(path));
    await expectRefused({ "log.dirs": `${path}/below` }, new RegExp(path));
  });

  faultTest("one directory under two names", async () => {
    using scratch = new Scratch();
    const directories = `${scratch.path},${scratch.path}/.`;
    await expectRefused({ "log.dirs": directories }, new RegExp(scratch.path));
  });

  faultTest("a directory of another node, or of another cluster", async () => {
    using scratch = new Scratch();
    const [one, two] = [join(scratch.path, "one"), join(scratch.path, "two")];
    for (const path of [one, two]) await (await BrokerProcess.start(path)).stop();
    await expectRefused({ "log.dirs": one, "node.id": "2" }, /node id 1 .*node id 2/);
    await expectRefused({ "log.dirs": `${one},${two}` }, /cluster\.id|directory\.id/);
  });

  faultTestIf(NO_OTHER_USER, "a directory that may not be written", async () => {
    using scratch = new Scratch();
    const path = join(scratch.path, "data");
    mkdirSync(path);
    chmodSync(scratch.path, 0o755);
    const prefix = AS_NOBODY;
    await expectRefused({ "log.dirs": path }, new RegExp(`${path}.*EACCES`), { prefix });
    await expectRefused({ "log.dirs": `${path}/new` }, new RegExp(`${path}.*EACCES`), { prefix });
    expect(readdirSync(path)).toEqual([]);
    await (await BrokerProcess.start(path)).stop();
    await expectRefused({ "log.dirs": path }, new RegExp(`${path}.*EACCES`), { prefix });
  });
});

tellLeftOut();
