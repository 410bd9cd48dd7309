/** Why a share partition refused: Kafka tells clients of share groups in words, too. */
import type { ErrorCode } from "../../protocol/error-code.ts";

export interface ShareError {
  readonly errorCode: ErrorCode;
  readonly message: string | null;
}

export function shareError(errorCode: ErrorCode, message: string | null): ShareError {
  return { errorCode, message };
}
