/** UnregisterBroker: forgets a broker that is gone for good. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { unregisterBroker as unregistration } from "./broker-changes.ts";
import {
  type Command,
  DONE,
  RECORDS_PER_COMMAND_MAX,
  type Refusal,
  TOO_MANY_RECORDS,
  divisible,
  refusal,
  unchanged,
} from "./command.ts";

export function unregisterBroker(brokerId: number): Command<Refusal> {
  return (state) => {
    if (state.image.cluster.broker(brokerId) === null) {
      const message = `Broker ID ${brokerId} is not currently registered`;
      return unchanged(refusal(ErrorCode.BROKER_ID_NOT_REGISTERED, message));
    }
    const records = unregistration(state, brokerId);
    if (records.length > RECORDS_PER_COMMAND_MAX) return unchanged(TOO_MANY_RECORDS);
    return divisible(records, DONE);
  };
}
