import { expect, test } from "bun:test";
import { UsageError } from "../../src/cli/arguments.ts";
import { CommandFailure } from "../../src/cli/command.ts";
import { parseOverrides, readSettingsFile } from "../../src/cli/settings-file.ts";
import { fakeWorld } from "../sim/fake-world.ts";

test("a file gives its settings", () => {
  const { disk } = fakeWorld();
  const file = disk.open("/a.properties", "create");
  const bytes = Buffer.from("# mine\nnode.id = 1\nlog.dirs=/a,\\\n  /b\n");
  file.write(bytes, 0, bytes.length, 0);
  file.close();
  expect([...readSettingsFile(disk, "/a.properties")]).toEqual([
    ["node.id", "1"],
    ["log.dirs", "/a,/b"],
  ]);
});

test("no file, a directory, and one that Java would refuse are told in a line", () => {
  const { disk } = fakeWorld();
  disk.makeDirectory("/directory");
  const file = disk.open("/bad", "create");
  file.write(Buffer.from("a=\\u1"), 0, 5, 0);
  file.close();
  expect(() => readSettingsFile(disk, "/none")).toThrow(new CommandFailure("No such file: /none"));
  expect(() => readSettingsFile(disk, "/directory")).toThrow("No such file: /directory");
  expect(() => readSettingsFile(disk, "/bad")).toThrow("/bad: Malformed");
});

test("overrides are names and values; the last of a name counts", () => {
  const overrides = parseOverrides(["a.b=1", "c=x=y", "a.b=2", "d="]);
  expect([...overrides]).toEqual([
    ["a.b", "2"],
    ["c", "x=y"],
    ["d", ""],
  ]);
  expect(() => parseOverrides(["a"])).toThrow(UsageError);
  expect(() => parseOverrides(["=a"])).toThrow("--override takes NAME=VALUE, not '=a'");
});
