import { expect, test } from "bun:test";
import { forEachLine } from "../../src/base/lines.ts";

async function linesOf(...pieces: Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  async function* stream() {
    yield* pieces;
  }
  await forEachLine(stream(), (line) => void lines.push(line));
  return lines;
}

test("lines are whole wherever the pieces of the text part them", async () => {
  const bytes = Buffer.from("one\n\nzwölf\nno end");
  const wanted = ["one", "", "zwölf", "no end"];
  for (let at = 0; at <= bytes.length; at++) {
    expect(await linesOf(bytes.subarray(0, at), bytes.subarray(at))).toEqual(wanted);
  }
  expect(await linesOf(Buffer.from("an end\n"))).toEqual(["an end"]);
  expect(await linesOf()).toEqual([]);
});
