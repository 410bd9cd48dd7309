/**
 * AlterClientQuotas: v0-1 (KIP-546).
 *
 * - Sets and removes limits of users, clients and addresses; they hold from the answer on. For each
 *   entity all changes are made, or none.
 */
import { alterClientQuotas as alter } from "../metadata/controller/alter-client-quotas.ts";
import type { Refusal } from "../metadata/controller/command.ts";
import { alterClientQuotas } from "../protocol/messages/49-alter-client-quotas.ts";
import { errorText } from "../protocol/error-text.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const alterClientQuotasHandler = handler(
  alterClientQuotas,
  async (request, _context, broker) => {
    const altered = await submit(broker, alter(request), (refused): Refusal => refused);
    if (!("errorCode" in altered)) return { entries: altered };
    const { errorCode } = altered;
    const errorMessage = errorText(errorCode);
    return { entries: request.entries.map(({ entity }) => ({ errorCode, errorMessage, entity })) };
  },
);
