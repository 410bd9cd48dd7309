/**
 * AlterClientQuotas: v0-1 (KIP-546).
 *
 * - Sets and removes limits of users, clients and addresses; they hold from the answer on. For each
 *   entity all changes are made, or none.
 * - An address may be given by the name of its host, which is looked up.
 */
import {
  alterClientQuotas as alter,
  hostNamesIn,
} from "../metadata/controller/alter-client-quotas.ts";
import type { Network } from "../base/world.ts";
import { alterClientQuotas } from "../protocol/messages/49-alter-client-quotas.ts";
import { errorText } from "../protocol/error-text.ts";
import { RefusedError } from "./forwarding.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const alterClientQuotasHandler = handler(
  alterClientQuotas,
  async (request, _context, broker) => {
    const hosts = await hostsAmong([...hostNamesIn(request)], broker.world.network);
    const altered = await submit(broker, alter(request, hosts));
    if ("errorCode" in altered) throw new RefusedError(altered);
    return { entries: altered };
  },
  {
    refused({ entries }, { errorCode }) {
      const errorMessage = errorText(errorCode);
      return { entries: entries.map(({ entity }) => ({ errorCode, errorMessage, entity })) };
    },
  },
);

/** More than these in one request are not looked up, and so are refused. */
const LOOKUPS_MAX = 100;

async function hostsAmong(
  names: readonly string[],
  network: Pick<Network, "lookup">,
): Promise<ReadonlySet<string>> {
  const asked = names.slice(0, LOOKUPS_MAX);
  const addresses = await Promise.all(asked.map((name) => network.lookup(name)));
  return new Set(asked.filter((_, index) => addresses[index] !== null));
}
