/** One pass of compaction over a log, in-line: no threads, no choice of the dirtiest. */
import type { Disk } from "../../../src/base/world.ts";
import { type CleanableLog, cleanableLog } from "../../../src/log/cleaner/cleanable-log.ts";
import { cleanerTask } from "../../../src/log/cleaner/cleaner-task.ts";
import {
  cleanLog,
  type CleanerThread,
  type PassResult,
} from "../../../src/log/cleaner/cleaning-pass.ts";
import type { Log } from "../../../src/log/log.ts";

export interface PassSizes {
  readonly mapBytesMax?: number;
  readonly bufferBytes?: number;
  readonly pieceBytes?: number;
  readonly thread?: CleanerThread;
}

/** Null when there is nothing to clean. */
export async function runPass(
  log: Log,
  disk: Disk,
  sizes: PassSizes = {},
): Promise<{ cleanable: CleanableLog; result: PassResult } | null> {
  const cleanable = cleanableLog(log, log.state.nowMs);
  if (cleanable === null || cleanable.cleanableBytes === 0) return null;
  const result = await cleanLog(cleanable, {
    thread: sizes.thread ?? inlineThread(disk),
    mapBytesMax: sizes.mapBytesMax ?? 1 << 20,
    mapLoadFactor: 0.9,
    bufferBytes: sizes.bufferBytes ?? 4096,
    pieceBytes: () => sizes.pieceBytes ?? 8192,
    mayGoOn: () => Promise.resolve(),
  });
  log.state.cleanerOffset = result.endOffset;
  return { cleanable, result };
}

function inlineThread(disk: Disk): CleanerThread {
  const work = cleanerTask.open({ disk });
  return {
    call: (request) => new Promise((resolve) => resolve(structuredClone(work(request)))),
    end: () => undefined,
  };
}
