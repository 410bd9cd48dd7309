/**
 * bun seek-fault.ts <index of a fault> [<first seed> <seeds>]: runs the model with that fault
 * planted, and says at which seed it was found. A process of its own: what is planted stays.
 */
import { plantFault } from "../../source-faults.ts";
import { FAULTS } from "./faults.ts";

const [index, first, count = 4000] = process.argv.slice(2).map(Number);
const fault = FAULTS[index!]!;
plantFault(fault);
const { runModel } = await import("./replication-model.ts");

console.log(seek(first ?? fault.firstSeed));

function seek(firstSeed: number): string {
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    try {
      runModel(seed);
    } catch (error) {
      return `found at seed ${seed}: ${String(error).split("\n")[0]}`;
    }
  }
  return `not found with ${count} seeds from ${firstSeed} on`;
}
