/**
 * The names that the metrics of a live Kafka have for collectors: its JmxTool tells of all beans of
 * kafka.*, and they become names and labels as with jmx_exporter's kafka-kraft-3_0_0.yml, but that
 * what is left of a bean's keys is always labels.
 */
import { CLASS_PATH, JAVA } from "./target.ts";
import { run } from "./process.ts";

/** Resolves to `name` or `name{label,label}` of each. */
export async function kafkaMetricNames(pid: number, jmxPort: number): Promise<Set<string>> {
  const flags = ["authenticate=false", "ssl=false", `port=${jmxPort}`];
  const agent = flags.map((flag) => `jmxremote.${flag}`);
  await run(["jcmd", String(pid), "ManagementAgent.start", ...agent]);
  const url = `service:jmx:rmi:///jndi/rmi://127.0.0.1:${jmxPort}/jmxrmi`;
  const tool = ["org.apache.kafka.tools.JmxTool", "--one-time", "--report-format", "properties"];
  const output = await run([...JAVA, ...CLASS_PATH, ...tool, "--jmx-url", url]);
  const names = output.split("\n").map(metricNameOf);
  return new Set(names.filter((name) => name !== null));
}

export function nameWithLabels(name: string, labels: Iterable<string>): string {
  const sorted = [...labels].map((label) => label.replaceAll(/\W/g, "_")).sort();
  return sorted.length === 0 ? name : `${name}{${sorted.join(",")}}`;
}

/** `kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec,topic=x:Count=0` is such a line. */
export function metricNameOf(line: string): string | null {
  const match = /^kafka\.(\w+):(.*?):([^:=]+)=/.exec(line);
  if (match === null) return null;
  const [, domain = "", bean = "", attribute = ""] = match;
  const keys = [...bean.matchAll(/([\w-]+)=("[^"]*"|[^,]*)(?:,|$)/g)].map(
    ([, key = "", value = ""]) => [key, value] as const,
  );
  const of = new Map(keys);
  const type = of.get("type") ?? "";
  const name = of.get("name");
  const labels = keys.map(([key]) => key).filter((key) => key !== "type" && key !== "name");
  const metric = name === undefined ? ofSensor(attribute) : ofMeter(name, attribute, labels);
  if (metric === null) return null;
  const full = `kafka_${domain}_${type}_${metric}`.toLowerCase().replaceAll(/[^a-z\d]+/g, "_");
  return nameWithLabels(full.replace(/_$/, ""), labels);
}

/** Of Kafka's own metrics: an attribute each. */
function ofSensor(attribute: string): string | null {
  return /^[a-z-]+$/.test(attribute) ? attribute : null;
}

/** Of Yammer's: a counter, a gauge or a histogram a bean. `labels` are added to. */
function ofMeter(name: string, attribute: string, labels: string[]): string | null {
  const perSecond = /^(.+)PerSec\w*$/.exec(name)?.[1];
  if (perSecond !== undefined && attribute === "Count") return `${perSecond}_total`;
  if (labels.includes("brokerPort") && labels.includes("brokerHost")) {
    labels.splice(0, labels.length, "clientId", "broker");
  }
  if (attribute === "Value") return name;
  if (attribute === "Count") return `${name}_count`;
  if (attribute === "MeanRate" && name.endsWith("Percent")) {
    return `${name.slice(0, -"Percent".length)}_percent`;
  }
  if (!/^\d+thPercentile$/.test(attribute)) return null;
  labels.push("quantile");
  return name;
}
