/** What came of an append. */
import { ErrorCode } from "../protocol/error-code.ts";

/** Which record of a batch was refused, and why. */
export interface RecordError {
  readonly batchIndex: number;
  readonly message: string;
}

/** What it took to look at records that were compressed, or to write them anew. */
export interface Conversion {
  /** Of records written anew, with another codec or time. */
  readonly recordCount: number;
  readonly tookMs: number;
  /** Memory beside the request's own. */
  readonly temporaryBytes: number;
}

export interface AppendResult {
  readonly errorCode: ErrorCode;
  readonly message: string | null;
  readonly recordErrors: readonly RecordError[];
  /** -1 when nothing was appended. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** The broker's time where the topic wants it (and of a duplicate its batch's), else -1. */
  readonly appendTimeMs: number;
  readonly logStartOffset: number;
  /** The batch was there already: these are its offsets. */
  readonly isDuplicate: boolean;
  /** With `flush.messages`: the append counts when this has resolved. */
  readonly flushed: Promise<void> | null;
  readonly conversion: Conversion | null;
}

export function refused(
  errorCode: ErrorCode,
  message: string | null,
  logStartOffset: number,
  recordErrors: readonly RecordError[] = [],
): AppendResult {
  return {
    errorCode,
    message,
    recordErrors,
    firstOffset: -1,
    lastOffset: -1,
    appendTimeMs: -1,
    logStartOffset,
    isDuplicate: false,
    flushed: null,
    conversion: null,
  };
}

export function appended(
  firstOffset: number,
  lastOffset: number,
  appendTimeMs: number,
  logStartOffset: number,
  isDuplicate: boolean,
  flushed: Promise<void> | null,
  conversion: Conversion | null = null,
): AppendResult {
  return {
    errorCode: ErrorCode.NONE,
    message: null,
    recordErrors: [],
    firstOffset,
    lastOffset,
    appendTimeMs,
    logStartOffset,
    isDuplicate,
    flushed,
    conversion,
  };
}
