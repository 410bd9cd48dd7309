/** Ids of members: who asked, and a random uuid as Java prints it. */
import type { Random } from "../../base/world.ts";

export function newMemberId(random: Random, owner: string): string {
  const bytes = Buffer.alloc(16);
  random.fill(bytes);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${owner}-${parts.join("-")}-${hex.slice(20)}`;
}
