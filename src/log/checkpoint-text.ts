/**
 * The text of Kafka's checkpoint files.
 *
 *   0                      version
 *   2                      entries that follow
 *   entry
 *   entry
 *
 * An empty file holds nothing. Whatever else is not of this form is a `ProtocolError`.
 */
import { ProtocolError } from "../protocol/protocol-error.ts";

const VERSION = "0";

export function formatCheckpoint(entries: readonly string[]): Buffer {
  return Buffer.from([VERSION, String(entries.length), ...entries, ""].join("\n"), "utf8");
}

/** The fields of each entry. */
export function parseCheckpoint(bytes: Buffer, fieldCount: number): string[][] {
  const lines = bytes.toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (lines.length === 0) return [];
  if (lines[0]!.trim() !== VERSION) {
    throw new ProtocolError(`a checkpoint file of version ${JSON.stringify(lines[0])}`);
  }
  const count = Number(lines[1]);
  const entries = lines.slice(2).map((line) => line.trim().split(/\s+/));
  if (!Number.isInteger(count) || entries.length !== count) {
    throw new ProtocolError(
      `a checkpoint file of ${entries.length} entries that counts ${JSON.stringify(lines[1])}`,
    );
  }
  const odd = entries.find((fields) => fields.length !== fieldCount);
  if (odd !== undefined) throw new ProtocolError(`a checkpoint entry ${JSON.stringify(odd)}`);
  return entries;
}

/** A whole number from 0 to 2^53. */
export function numberInCheckpoint(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new ProtocolError(`a checkpoint entry with ${JSON.stringify(text)} for a number`);
  }
  return value;
}
