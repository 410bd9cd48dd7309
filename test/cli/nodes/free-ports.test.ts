import { expect, test } from "bun:test";
import { FreePorts } from "../../../src/cli/nodes/free-ports.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import { fakeWorld } from "../../sim/fake-world.ts";

/** What systems choose where a program asks for any port begins here at the earliest. */
const ANY_PORT_MIN = 32_768;

test("ports are none that others are given, and none that somebody has", () => {
  const world = fakeWorld();
  const chosenBy = (random: FakeRandom): FreePorts => new FreePorts({ ...world, random });
  const [one, other] = [chosenBy(new FakeRandom(1)), chosenBy(new FakeRandom(1))];
  const ports = Array.from({ length: 20 }, one.take);
  expect(ports.every((port) => port > 1024 && port < ANY_PORT_MIN)).toBe(true);
  // By the same chance: each of them is tried, and found to be taken.
  const others = Array.from({ length: 20 }, other.take);
  expect(new Set([...ports, ...others]).size).toBe(40);
  one.giveBack();
  other.giveBack();
  const again = chosenBy(new FakeRandom(1));
  expect(Array.from({ length: 20 }, again.take)).toEqual(ports);
  again.giveBack();
});
