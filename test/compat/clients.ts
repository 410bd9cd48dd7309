/** The clients: how each is installed and started, and what it needs on the machine. */
import { join } from "node:path";
import { CACHE, COMPAT_FOLDER, installGoDriver, installJavaDrivers } from "./harness/install.ts";
import { installJavaScriptDriver, installKcat, installPythonDriver } from "./harness/install.ts";
import { ECOSYSTEM_LIBRARIES, installEcosystemDrivers } from "./harness/install.ts";
import { KAFKA_LIBRARIES } from "./harness/install.ts";

export interface Client {
  readonly name: string;
  /** Executables that must be on the machine; without them the client is skipped. */
  readonly needs: readonly string[];
  readonly install: () => Promise<void>;
  /** The driver's command; the bootstrap address and the scenarios' names are added to it. */
  readonly command: readonly string[];
  /** A second driver, which is given the data directory once the broker has stopped. */
  readonly afterStop?: readonly string[];
  /** The name of the file of expected outcomes, where several clients share one. */
  readonly expected?: string;
  /** The only scenarios to run, where that is not all of the driver's. */
  readonly scenarios?: readonly string[];
  /** Broker settings for this client only. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** The driver kills the broker, and it is started again: see `startReviving`. */
  readonly revives?: boolean;
  /** An Apache Kafka runs beside the broker. */
  readonly peer?: boolean;
}

const driver = (name: string, file: string): string => join(COMPAT_FOLDER, "drivers", name, file);
const cached = (name: string, file: string): string => join(CACHE, "drivers", name, file);

function pythonDriver(name: string): string[] {
  return [join(CACHE, `venv-${name}/bin/python`), "-B", driver(name, "driver.py")];
}

/** One JVM a driver: fast to start, quiet, and small beside a broker on two cores. */
export function javaDriver(mainClass: string): string[] {
  const classPath = `${join(CACHE, "java-classes")}:${KAFKA_LIBRARIES}/*`;
  const options = ["-XX:TieredStopAtLevel=1", "-Xmx512m"];
  const logging = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];
  return ["java", ...options, ...logging, "-cp", classPath, mainClass];
}

/** Streams, Connect and MirrorMaker start JVMs of their own, with the class path of this one. */
export function ecosystemDriver(mainClass: string): string[] {
  const classes = [join(CACHE, "ecosystem-classes"), join(CACHE, "java-classes")].join(":");
  const options = ["-XX:TieredStopAtLevel=1", "-Xmx256m"];
  const logging = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];
  const patience = ["-Dcompat.scenario.seconds=220", "-Dcompat.until.seconds=150"];
  const classPath = `${classes}:${ECOSYSTEM_LIBRARIES}/*`;
  return ["java", ...options, ...logging, ...patience, "-cp", classPath, mainClass];
}

/** How often transactions over time are looked for: nobody wants to wait 10 seconds. */
const QUICK_TRANSACTIONS = {
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
};

/** Members of the consumer protocol hear of changes with their next heartbeat: 5 seconds else. */
const QUICK_GROUPS = {
  "group.consumer.heartbeat.interval.ms": "200",
  "group.consumer.min.heartbeat.interval.ms": "100",
  "group.consumer.session.timeout.ms": "3000",
  "group.consumer.min.session.timeout.ms": "1000",
  "group.consumer.assignment.interval.ms": "0",
};

/** The same for members of share groups; and what they have got they may lose within a second. */
const QUICK_SHARES = {
  "group.share.heartbeat.interval.ms": "200",
  "group.share.min.heartbeat.interval.ms": "100",
  "group.share.session.timeout.ms": "3000",
  "group.share.min.session.timeout.ms": "1000",
  "group.share.assignment.interval.ms": "0",
  "group.share.min.record.lock.duration.ms": "1000",
  "share.coordinator.state.topic.num.partitions": "3",
  "log.cleaner.backoff.ms": "200",
};

export const CLIENTS: readonly Client[] = [
  {
    name: "kafkajs-bun",
    needs: [],
    install: () => installJavaScriptDriver("kafkajs"),
    command: [process.execPath, cached("kafkajs", "driver.mjs")],
    expected: "kafkajs",
  },
  {
    name: "kafkajs-node",
    needs: ["node"],
    install: () => installJavaScriptDriver("kafkajs"),
    command: ["node", cached("kafkajs", "driver.mjs")],
    expected: "kafkajs",
  },
  {
    // Its engines ask for a newer Node than 20, so it is run under Bun only.
    name: "platformatic-bun",
    needs: [],
    install: () => installJavaScriptDriver("platformatic"),
    command: [process.execPath, cached("platformatic", "driver.mjs")],
    overrides: { ...QUICK_TRANSACTIONS, ...QUICK_GROUPS },
    expected: "platformatic",
  },
  {
    name: "kcat",
    needs: [Bun.which("kcat") === null ? "apt-get" : "kcat"],
    install: installKcat,
    command: [process.execPath, driver("kcat", "driver.ts")],
    overrides: { "num.partitions": "4" },
  },
  {
    name: "confluent-kafka",
    needs: ["python3"],
    install: () => installPythonDriver("confluent-kafka"),
    command: pythonDriver("confluent-kafka"),
    overrides: { ...QUICK_TRANSACTIONS, ...QUICK_GROUPS, ...QUICK_SHARES },
  },
  {
    // It brings its own confluent-kafka, of the version that the driver above has.
    name: "kafkatop",
    needs: ["python3"],
    install: () => installPythonDriver("kafkatop"),
    command: pythonDriver("kafkatop"),
  },
  {
    name: "kafka-python",
    needs: ["python3"],
    install: () => installPythonDriver("kafka-python"),
    command: pythonDriver("kafka-python"),
    overrides: QUICK_TRANSACTIONS,
  },
  {
    // The others set group.initial.rebalance.delay.ms to 0 to be quick: this one keeps 3 seconds.
    name: "rebalance-delay",
    needs: ["python3"],
    install: () => installPythonDriver("kafka-python"),
    command: pythonDriver("kafka-python"),
    expected: "kafka-python",
    scenarios: ["group-single", "group-two-members", "group-cooperative"],
    overrides: { "group.initial.rebalance.delay.ms": "3000" },
  },
  {
    name: "franz-go",
    needs: ["go"],
    install: () => installGoDriver("franz-go"),
    command: [join(CACHE, "bin/franz-go")],
    overrides: { ...QUICK_TRANSACTIONS, ...QUICK_GROUPS, ...QUICK_SHARES },
  },
  {
    name: "sarama",
    needs: ["go"],
    install: () => installGoDriver("sarama"),
    command: [join(CACHE, "bin/sarama")],
    overrides: QUICK_TRANSACTIONS,
  },
  {
    name: "java-clients",
    needs: ["java", "javac", "mvn"],
    install: installJavaDrivers,
    command: javaDriver("compat.ClientsDriver"),
  },
  {
    name: "java-transactions",
    needs: ["java", "javac", "mvn"],
    install: installJavaDrivers,
    command: javaDriver("compat.TransactionsDriver"),
    overrides: QUICK_TRANSACTIONS,
  },
  {
    name: "java-groups",
    needs: ["java", "javac", "mvn"],
    install: installJavaDrivers,
    command: javaDriver("compat.GroupsDriver"),
    overrides: { ...QUICK_GROUPS, "group.consumer.max.size": "3" },
  },
  {
    name: "java-shares",
    needs: ["java", "javac", "mvn"],
    install: installJavaDrivers,
    command: javaDriver("compat.ShareDriver"),
    overrides: QUICK_SHARES,
  },
  {
    name: "java-share-kill",
    needs: ["java", "javac", "mvn"],
    install: installJavaDrivers,
    command: javaDriver("compat.ShareDriver"),
    overrides: QUICK_SHARES,
    scenarios: ["share-kill"],
    revives: true,
  },
  {
    name: "java-tools",
    needs: ["java", "javac", "mvn"],
    install: installJavaDrivers,
    command: javaDriver("compat.ToolsDriver"),
  },
  {
    name: "java-share-tools",
    needs: ["java", "javac", "mvn"],
    install: installJavaDrivers,
    command: javaDriver("compat.ShareToolsDriver"),
    overrides: QUICK_SHARES,
  },
  {
    name: "java-admin-tools",
    needs: ["java", "javac", "mvn"],
    install: installJavaDrivers,
    command: javaDriver("compat.AdminToolsDriver"),
    overrides: { "log.dirs": "DATA/one,DATA/two", "metric.reporters": "MetricsSink" },
  },
  {
    name: "java-dump",
    needs: ["java", "javac", "mvn"],
    install: installJavaDrivers,
    command: javaDriver("compat.DumpFill"),
    afterStop: javaDriver("compat.DumpDriver"),
  },
  {
    name: "copier",
    needs: ["java", "javac", "mvn"],
    install: installEcosystemDrivers,
    command: ecosystemDriver("compat.CopierDriver"),
    overrides: QUICK_TRANSACTIONS,
    revives: true,
  },
  {
    name: "streams",
    needs: ["java", "javac", "mvn"],
    install: installEcosystemDrivers,
    command: ecosystemDriver("compat.StreamsDriver"),
    // A killed application is missed sooner.
    overrides: {
      ...QUICK_TRANSACTIONS,
      "group.min.session.timeout.ms": "1000",
      "group.streams.min.session.timeout.ms": "1000",
      "group.streams.session.timeout.ms": "2000",
      "group.streams.min.heartbeat.interval.ms": "100",
      "group.streams.heartbeat.interval.ms": "300",
      "group.streams.initial.rebalance.delay.ms": "0",
    },
    revives: true,
  },
  {
    name: "connect",
    needs: ["java", "javac", "mvn"],
    install: installEcosystemDrivers,
    command: ecosystemDriver("compat.ConnectDriver"),
    overrides: QUICK_TRANSACTIONS,
  },
  {
    name: "mirror-maker",
    needs: ["java", "javac", "mvn"],
    install: installEcosystemDrivers,
    command: ecosystemDriver("compat.MirrorDriver"),
    peer: true,
  },
];
