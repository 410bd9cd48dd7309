/** What the thread of real-write-back.ts does. */
import { loadLibc } from "./libc.ts";

export interface WriteBackRequest {
  readonly descriptor: number;
  readonly position: number;
  readonly length: number;
}

export function openWriteBack(): (request: WriteBackRequest) => null {
  return ({ descriptor, position, length }) => {
    loadLibc()?.startWriteBack(descriptor, position, length);
    return null;
  };
}
