import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { buildNative } from "../../src/base/native-build.ts";
import { LIBRARY_PATH, loadCompiled } from "../../src/base/native.ts";

test("a library is there exactly when building says so", () => {
  expect(buildNative()).toBe(existsSync(LIBRARY_PATH));
  expect(loadCompiled() !== null).toBe(existsSync(LIBRARY_PATH));
});

test("a missing compiler is no failure", () => {
  const there = existsSync(LIBRARY_PATH);
  expect(buildNative("/no/such/compiler")).toBe(there);
});
