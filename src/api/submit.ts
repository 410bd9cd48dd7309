/** Commands to the controller, and what a client is told when the controller cannot take them. */
import type { Broker } from "../broker/broker.ts";
import { type Command, type Refusal, refusal } from "../metadata/controller/command.ts";
import { NotControllerError, TooManyRecordsError } from "../metadata/metadata-errors.ts";
import { ErrorCode } from "../protocol/error-code.ts";

/**
 * `failed` makes the response of a command that was not, or perhaps not, carried out. Without any
 * time the controller does not begin.
 */
export async function submit<Response>(
  broker: Pick<Broker, "metadata">,
  command: Command<Response>,
  failed: (refused: Refusal) => Response,
  timeoutMs = Infinity,
): Promise<Response> {
  if (timeoutMs <= 0) return failed(refusal(ErrorCode.REQUEST_TIMED_OUT, null));
  try {
    return await broker.metadata.submit(command);
  } catch (error) {
    return failed(refusalOf(error));
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof TooManyRecordsError) {
    return refusal(ErrorCode.RECORD_LIST_TOO_LARGE, error.message);
  }
  // The client looks for the controller again, and finds it once this node is back.
  if (error instanceof NotControllerError) return refusal(ErrorCode.NOT_CONTROLLER, null);
  throw error;
}
