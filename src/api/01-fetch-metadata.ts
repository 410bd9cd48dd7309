/**
 * Fetch on the controller listener: v4-18.
 *
 * - Brokers and other controllers read the metadata log along with it, and wait at its end
 *   (KIP-595). Nothing else can be fetched there.
 */
import { fetch } from "../protocol/messages/01-fetch.ts";
import { answerFetch } from "../raft/fetch-requests.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const fetchMetadataHandler = handler(
  fetch,
  async (request, context, broker) => {
    const answer = await answerFetch(broker.metadata.raft, raftCaller(context, broker), request);
    const responses = answer.responses.map(({ partitions, ...topic }) => ({
      ...topic,
      partitions: partitions.map((partition) => ({ ...partition, abortedTransactions: [] })),
    }));
    return { ...answer, responses };
  },
  { listeners: ["controller"], isExempt: true },
);
