/** Uuids that stand for no log directory; a real directory's id is never one of the first 100. */
import { ZERO_UUID } from "../base/uuid.ts";

/** The replica's directory is not known to the controller: from before KIP-858. */
export const MIGRATING_DIRECTORY = ZERO_UUID;
/** The broker has yet to choose one. */
export const UNASSIGNED_DIRECTORY = "AAAAAAAAAAAAAAAAAAAAAQ";
/** It was on a directory that failed. */
const LOST_DIRECTORY = "AAAAAAAAAAAAAAAAAAAAAg";

export function isReservedDirectory(uuid: string): boolean {
  return uuid.startsWith(FIFTEEN_ZERO_BYTES) && lastByte(uuid) < 100;
}

/** Whether a replica may be on this directory of a broker that has these online. */
export function isOnlineDirectory(directory: string, online: readonly string[]): boolean {
  if (directory === UNASSIGNED_DIRECTORY || directory === MIGRATING_DIRECTORY) return true;
  if (directory === LOST_DIRECTORY) return false;
  return online.length === 0 || online.includes(directory);
}

const FIFTEEN_ZERO_BYTES = "A".repeat(20);

function lastByte(uuid: string): number {
  return Buffer.from(uuid.slice(20), "base64url")[0] ?? 0;
}
