/** The same options as those of options.c, and the batches that they name. */
import { readFileSync } from "node:fs";

export interface Batch {
  readonly bytes: Buffer;
  readonly recordCount: number;
}

const TEXTS = { host: "127.0.0.1", topic: "load", batches: "", producers: "" };
const NUMBERS = {
  port: 0,
  partitions: 1,
  connections: 0,
  window: 1,
  acks: 1,
  spread: 1,
  bytes: 0,
  rate: 0,
  seconds: 0,
  skip_ms: 0,
  transaction: 0,
  consumers: 0,
  readers: 0,
  read_bytes: 0,
  once: 0,
  partition_bytes: 1 << 20,
};

export type Options = Readonly<typeof TEXTS & typeof NUMBERS>;

export function readOptions(args: readonly string[]): Options {
  const texts = { ...TEXTS };
  const numbers = { ...NUMBERS };
  for (const arg of args) {
    const [name = "", value = ""] = arg.split("=");
    if (name in texts) texts[name as keyof typeof TEXTS] = value;
    else if (name in numbers) numbers[name as keyof typeof NUMBERS] = Number(value);
    else throw new Error(`what is ${arg}?`);
  }
  // -1 comes in 16 bits.
  if (numbers.acks === 65_535) numbers.acks = -1;
  if (numbers.partitions % numbers.spread !== 0) numbers.spread = 1;
  return { ...texts, ...numbers };
}

export function readBatches(path: string): Batch[] {
  const file = readFileSync(path);
  const batches: Batch[] = [];
  for (let position = 0; position < file.length;) {
    const size = file.readInt32BE(position);
    const recordCount = file.readInt32BE(position + 4);
    batches.push({ bytes: file.subarray(position + 8, position + 8 + size), recordCount });
    position += 8 + size;
  }
  return batches;
}
