/**
 * AllocateProducerIds: v0 (KIP-730).
 *
 * - A broker gets the next thousand ids for producers.
 */
import * as controller from "../metadata/controller/allocate-producer-ids.ts";
import { allocateProducerIds } from "../protocol/messages/67-allocate-producer-ids.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const allocateProducerIdsHandler = handler(
  allocateProducerIds,
  async ({ brokerId, brokerEpoch }, _context, broker) => {
    const block = await submit(broker, controller.allocateProducerIds(brokerId, brokerEpoch));
    const { errorCode, producerIdStart, producerIdLength } = block;
    return { errorCode, producerIdStart, producerIdLen: producerIdLength };
  },
  {
    refused: (_request, { errorCode }) => ({ errorCode, producerIdStart: 0, producerIdLen: 0 }),
  },
);
