/** Looks through the records of batches, in a thread or wherever it is called. */
import { examineRecords } from "../record-examination.ts";
import type { ExaminationReply, ExaminationRequest } from "./examination-messages.ts";

export function openExaminationService(): (request: ExaminationRequest) => ExaminationReply {
  let output = new SharedArrayBuffer(0);
  return ({ input, size, batch }) => {
    // Not every codec reads memory that another thread may write.
    const bytes = Buffer.allocUnsafeSlow(size);
    bytes.set(new Uint8Array(input, 0, size));
    const examination = examineRecords(bytes, size, batch, null);
    if ("rewritten" in examination) {
      const { rewritten, temporaryBytes } = examination;
      const { length } = rewritten;
      if (output.byteLength < length) output = new SharedArrayBuffer(length);
      new Uint8Array(output).set(rewritten);
      return { kind: "rewritten", output, size: length, temporaryBytes };
    }
    if ("errorCode" in examination) return { kind: "invalid", invalid: examination };
    const { maxTimestamp, temporaryBytes } = examination;
    return { kind: "kept", kept: { maxTimestamp, temporaryBytes } };
  };
}
