/** Bugs that a single node shows: its log, its recovery, its transactions. */
import type { Trouble } from "../cluster/nemesis.ts";
import type { SourceEdit } from "../../source-faults.ts";
import type { Bug } from "./bug.ts";

const ENDS: readonly Trouble[] = ["kill", "power loss", "stop", "slow disk"];
const POWER: readonly Trouble[] = ["power loss", "power loss", "slow disk"];

export const NODE_BUGS: readonly Bug[] = [
  nodeBug("marker-of-a-clean-stop-stays", "KAFKA-10471: after a crash the log is believed", ENDS, [
    {
      file: "src/log/clean-shutdown.ts",
      find: `  disk.remove(path);\n`,
      replace: "",
    },
  ]),
  nodeBug("recovery-believes-torn-batches", "F6: the torn end of a log is cut", POWER, [
    {
      file: "src/log/log-recovery.ts",
      find: `      if (!isIntact(bytes, at)) return false;\n`,
      replace: "",
    },
  ]),
  nodeBug("acknowledged-before-it-is-flushed", "flush.messages: who is told has it", ENDS, [
    {
      file: "src/partition/partition.ts",
      find: `    await result.flushed;\n`,
      replace: "",
    },
  ]),
  nodeBug("read-before-it-is-committed", "KAFKA-10101: served, and then lost", POWER, [
    {
      file: "src/partition/fetch-read.ts",
      find: `log.lastStableOffset : log.highWatermark;`,
      replace: `log.lastStableOffset : log.logEndOffset;`,
    },
  ]),
  nodeBug(
    "reads-beyond-the-last-stable-offset",
    "Redpanda #3036: reads of what is aborted",
    ["resets"],
    [
      {
        file: "src/partition/fetch-read.ts",
        find: `log.lastStableOffset : log.highWatermark;`,
        replace: `log.highWatermark : log.highWatermark;`,
      },
    ],
  ),
  nodeBug(
    "aborted-transactions-are-not-told",
    "KIP-98: readers leave out what is aborted",
    ["resets"],
    [
      {
        file: "src/partition/fetch-read.ts",
        find: `if (isolationLevel !== READ_COMMITTED) return`,
        replace: `if (isolationLevel !== READ_COMMITTED || fetchOffset >= 0) return`,
      },
    ],
  ),
  nodeBug(
    "repeated-batch-is-out-of-order",
    "Redpanda #3039: a repeated batch is answered",
    ["resets"],
    [
      {
        file: "src/log/log.ts",
        find: `isOfClient ? state.producers.findDuplicate(batch.bytes) : null;`,
        replace: `isOfClient && state.logEndOffset < 0 ? state.producers.findDuplicate(batch.bytes) : null;`,
      },
    ],
  ),
  nodeBug(
    "recovery-forgets-producers",
    "Redpanda #3039: sequences survive a crash",
    ["kill", "resets"],
    [
      {
        file: "src/log/log-recovery.ts",
        find: `    const completed = producers.add(bytes, at);`,
        replace: `    const completed = at < 0 ? producers.add(bytes, at) : null;`,
      },
    ],
  ),
  nodeBug(
    "coordinator-answers-before-it-is-committed",
    "Redpanda #6018: what was told is lost",
    POWER,
    [
      {
        file: "src/coordinator/shard.ts",
        find: `    const refusal = this.#perform(outcome);
    if (refusal !== ErrorCode.NONE) return Promise.resolve(failure(refusal));`,
        replace: `    const refusal = this.#perform(outcome);
    if (refusal === ErrorCode.NONE) return Promise.resolve(outcome.response);
    if (refusal !== ErrorCode.NONE) return Promise.resolve(failure(refusal));`,
      },
    ],
  ),
  nodeBug(
    "commit-asked-again-is-refused",
    "Redpanda #3501: a commit that is repeated is done",
    ["resets", "kill", "cut"],
    [
      {
        file: "src/coordinator/transaction/end-transaction.ts",
        find: `        return from.state === completeState(request) ? DONE : refuse(ErrorCode.INVALID_TXN_STATE);
      }
      if (!isNewest)`,
        replace: `        return refuse(ErrorCode.INVALID_TXN_STATE);
      }
      if (!isNewest)`,
      },
    ],
  ),
  nodeBug(
    "new-session-leaves-the-old-transaction-open",
    "Redpanda #3232: InitProducerId aborts",
    ["kill"],
    [
      {
        file: "src/coordinator/transaction/init-producer-id.ts",
        find: `  if (isOpen(from)) return { kind: "fence" };\n`,
        replace: "",
      },
    ],
  ),
  nodeBug(
    "offsets-of-aborted-transactions-count",
    "KIP-98: offsets are of the transaction",
    ["kill"],
    [
      {
        file: "src/coordinator/group/offset-store.ts",
        find: `      if (!isCommitted) continue;\n`,
        replace: "",
      },
    ],
  ),
  nodeBug(
    "late-requests-act-on-the-next-transaction",
    "KAFKA-17754, KIP-890: each transaction has an epoch of its own",
    ["stall"],
    [
      {
        file: "src/coordinator/transaction/end-transaction.ts",
        find: `  if (request.clientTransactionVersion >= EPOCH_BUMP_VERSION) {
    return endWithBump(from, request, nowMs);
  }`,
        replace: `  if (request.clientTransactionVersion < 0) return endWithBump(from, request, nowMs);`,
      },
    ],
  ),
  nodeBug(
    "begins-anew-what-may-be-in-an-offline-directory",
    "KIP-858: what is on a disk that failed is not made again",
    ["kill", "power loss", "disk fault"],
    [
      {
        file: "src/broker/metadata-publisher.ts",
        find: `isAssigned || directories.every(({ failure }) => failure === null);`,
        replace: `isAssigned || directories.length > 0;`,
      },
    ],
  ),
];

function nodeBug(
  name: string,
  reference: string,
  troubles: readonly Trouble[],
  edits: readonly SourceEdit[],
): Bug {
  const options = { nodeCount: 1, troubles };
  return {
    name: `node-${name}`,
    reference,
    edits,
    seedsMax: 400,
    hunt: { ground: "cluster", options },
  };
}
