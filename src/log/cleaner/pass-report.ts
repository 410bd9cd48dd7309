/** What a pass has done, for people. */
import type { Logger } from "../../base/logger.ts";
import type { CleanableLog } from "./cleanable-log.ts";
import type { PassResult } from "./cleaning-pass.ts";

export interface PassReport extends PassResult {
  readonly tookMs: number;
}

export function reportPass(
  logger: Logger,
  name: string,
  cleanable: CleanableLog,
  report: PassReport,
): void {
  const { bytesRead, bytesWritten, recordsRead, recordsKept, tookMs } = report;
  const rate = (megabytes(bytesRead) / Math.max(tookMs, 1)) * 1000;
  logger.info(
    `${name}: cleaned from offset ${cleanable.firstDirtyOffset} to ${report.endOffset}, ` +
      `${report.segmentsReplaced} segments into ${report.segmentsMade}, ` +
      `${megabytes(bytesRead).toFixed(1)} MB into ${megabytes(bytesWritten).toFixed(1)} MB, ` +
      `${recordsRead} records into ${recordsKept}, in ${Math.round(tookMs)} ms ` +
      `(${rate.toFixed(1)} MB/s, ${(100 * report.mapUtilization).toFixed(1)}% of the offset map)`,
  );
  if (report.keylessRecords > 0) {
    logger.warn(`${name}: removed ${report.keylessRecords} records without a key`);
  }
}

function megabytes(bytes: number): number {
  return bytes / (1 << 20);
}
