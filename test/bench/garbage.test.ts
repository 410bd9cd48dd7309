/**
 * The hot paths leave few objects a request to the collector, and none a record. Counted is how far
 * the heap grows that is never collected meanwhile, over thousands of requests (bench/micro.ts): how
 * busy the machine is does not matter. Bounds are twice what was measured.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";

const MICRO = join(import.meta.dir, "../../bench/micro.ts");
/** A batch of 16 KiB has 140 records of 100 bytes more than of 1 KiB. */
const RECORDS_MORE = 140;

test("a request costs some objects, however many records it has", async () => {
  const micro = Bun.spawn([process.execPath, MICRO, "handle:"], { stdout: "pipe" });
  const text = await new Response(micro.stdout).text();
  expect(await micro.exited).toBe(0);
  const bytes = (name: string): number => {
    const line = text.split("\n").find((each) => each.startsWith(`handle: ${name}`));
    const [figure = ""] = /\d+$/.exec(line ?? "") ?? [];
    expect([name, figure]).not.toEqual([name, ""]);
    return Number(figure);
  };
  const [few, many] = [bytes("Produce v9, 16 KiB of 1024 B"), bytes("Produce v9, 16 KiB of 100 B")];
  expect(many - few).toBeLessThan(RECORDS_MORE * 8);
  expect(Math.max(few, many, bytes("Produce v9, 1 KiB of 100 B"))).toBeLessThan(6_000);
  expect(bytes("Fetch v12, 1 x 64 KiB")).toBeLessThan(10_000);
  // For each of the partitions some.
  expect(bytes("Fetch v12, 8 x 64 KiB")).toBeLessThan(25_000);
}, 60_000);
