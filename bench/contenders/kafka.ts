/** Apache Kafka 4.3.1 from its Maven packages, or from a folder where it was unpacked. */
import { join } from "node:path";
import { installKafka, KAFKA_LIBRARIES } from "../../test/compat/harness/install.ts";
import { type BrokerProgram, startBrokerProcess, startBrokerProcesses } from "./broker-process.ts";
import type { Start } from "./contender.ts";

const CLUSTER_ID = "YmVuY2htYXJrLWNsdXN0ZQ";
/** As kafka-server-start.sh starts it. */
const HEAP = ["-Xmx1G", "-Xms1G"];
const JAVA = [
  "java",
  ...HEAP,
  "-server",
  "-XX:+UseG1GC",
  "-XX:MaxGCPauseMillis=20",
  "-XX:InitiatingHeapOccupancyPercent=35",
  "-XX:+ExplicitGCInvokesConcurrent",
  "-Djava.awt.headless=true",
  "-cp",
  `${KAFKA_LIBRARIES}/*`,
];

export function kafka(home: string | null, nodes = 1): Start {
  return async (options) => {
    if (home === null) await installOnce();
    const program = home === null ? FROM_PACKAGES : fromFolder(home);
    if (nodes === 1) return startBrokerProcess(program, options);
    return startBrokerProcesses(program, nodes, options);
  };
}

const FROM_PACKAGES: BrokerProgram = {
  name: "kafka",
  format: (file, voters) => [...JAVA, "kafka.tools.StorageTool", ...formatFlags(file, voters)],
  command: (file) => [...JAVA, "kafka.Kafka", file],
};

/** Once in a run: the cache may be shared. */
export function installOnce(): Promise<void> {
  installing ??= installKafka();
  return installing;
}

let installing: Promise<void> | null = null;

function fromFolder(home: string): BrokerProgram {
  return {
    name: "kafka",
    environment: { KAFKA_HEAP_OPTS: HEAP.join(" ") },
    format: (file, voters) => [join(home, "bin/kafka-storage.sh"), ...formatFlags(file, voters)],
    command: (file) => [join(home, "bin/kafka-server-start.sh"), file],
  };
}

function formatFlags(file: string, voters: string | null): string[] {
  const quorum = voters === null ? ["--standalone"] : ["--initial-controllers", voters];
  return ["format", "-t", CLUSTER_ID, "-c", file, ...quorum];
}
