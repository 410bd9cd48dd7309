/** Why a request to a group is refused: a code, and words for people where the API has a field. */
import type { ErrorCode } from "../../protocol/error-code.ts";

export class GroupRefusal {
  constructor(
    readonly errorCode: ErrorCode,
    readonly errorMessage: string | null = null,
  ) {}
}
