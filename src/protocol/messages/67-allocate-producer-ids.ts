/** AllocateProducerIds, v0. Gives a broker a block of producer ids (KIP-730). */
import { api, int16, int32, int64, struct } from "../schema.ts";

export const allocateProducerIds = api({
  key: 67,
  name: "AllocateProducerIds",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["controller"],
  forwardable: true,
  clusterAction: true,
  request: struct({ brokerId: int32, brokerEpoch: int64.default(-1) }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    producerIdStart: int64,
    producerIdLen: int32,
  }),
});
