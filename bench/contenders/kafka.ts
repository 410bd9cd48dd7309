/** Apache Kafka 4.3.1 from its Maven packages, or from a folder where it was unpacked. */
import { join } from "node:path";
import { installKafka, KAFKA_LIBRARIES } from "../../test/compat/harness/install.ts";
import { startBrokerProcess } from "./broker-process.ts";
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

export function kafka(home: string | null): Start {
  return async (options) => {
    if (home !== null) return startBrokerProcess(fromFolder(home), options);
    await installOnce();
    return startBrokerProcess(
      {
        name: "kafka",
        format: (file) => [...JAVA, "kafka.tools.StorageTool", ...formatFlags(file)],
        command: (file) => [...JAVA, "kafka.Kafka", file],
      },
      options,
    );
  };
}

/** Once in a run: the cache may be shared. */
export function installOnce(): Promise<void> {
  installing ??= installKafka();
  return installing;
}

let installing: Promise<void> | null = null;

function fromFolder(home: string) {
  return {
    name: "kafka",
    environment: { KAFKA_HEAP_OPTS: HEAP.join(" ") },
    format: (file: string) => [join(home, "bin/kafka-storage.sh"), ...formatFlags(file)],
    command: (file: string) => [join(home, "bin/kafka-server-start.sh"), file],
  };
}

function formatFlags(file: string): string[] {
  return ["format", "-t", CLUSTER_ID, "-c", file, "--standalone"];
}
