/** AllocateProducerIds: hands a broker the next thousand, which nobody else will get. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { reasonAgainstEpoch } from "./broker-heartbeat.ts";
import { type Command, divisible, unchanged } from "./command.ts";

const PRODUCER_ID_BLOCK_SIZE = 1000;

export interface ProducerIdBlock {
  readonly errorCode: number;
  readonly producerIdStart: number;
  readonly producerIdLength: number;
}

export function allocateProducerIds(
  brokerId: number,
  brokerEpoch: number,
): Command<ProducerIdBlock> {
  return (state) => {
    const refused = reasonAgainstEpoch(state, brokerId, brokerEpoch);
    if (refused !== null) {
      const { errorCode } = refused;
      return unchanged({ errorCode, producerIdStart: 0, producerIdLength: 0 });
    }
    const producerIdStart = Math.max(state.image.nextProducerId, 0);
    const nextProducerId = producerIdStart + PRODUCER_ID_BLOCK_SIZE;
    return divisible(
      [
        {
          name: "ProducerIdsRecord",
          version: 0,
          value: { brokerId, brokerEpoch, nextProducerId },
        },
      ],
      {
        errorCode: ErrorCode.NONE,
        producerIdStart,
        producerIdLength: PRODUCER_ID_BLOCK_SIZE,
      },
    );
  };
}
