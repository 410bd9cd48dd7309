/**
 * Connections, as Kafka's socket server counts them: under the names that Strimzi's example
 * kafka-metrics.yaml gives them. All of a listener are one "network processor".
 */
import { type Families, labelText } from "../../base/metrics-text.ts";
import { CLOSE_REASONS } from "../close-reason.ts";
import type { Server } from "../server.ts";

export function serverFamilies(server: Server): Families {
  return function* (out) {
    const listeners = server.listenerCounts();
    const clients = server.clientCounts();
    const name = "kafka_server_socket_server_metrics";
    const labelsOf = (listener: string) => labelText({ listener, networkProcessor: "0" });
    out.family(`${name}_connection_count`, "gauge", "Open connections");
    for (const each of listeners) out.sample(each.open, labelsOf(each.name));
    out.family(`${name}_connection_creation`, "counter", "Connections that were made");
    for (const each of listeners) out.sample(each.accepted, labelsOf(each.name));
    out.family(`${name}_connection_close`, "counter", "Connections that have ended");
    for (const each of listeners) out.sample(each.accepted - each.open, labelsOf(each.name));
    const expired = "Connections that were silent for too long";
    out.family(`${name}_expired_connections_killed_count`, "unknown", expired);
    for (const { name: listener, closed } of listeners) {
      out.sample(closed.idle + closed.stranger, labelsOf(listener));
    }
    out.family("bunka_server_connections_closed", "counter", "Connections by why they ended");
    for (const { name: listener, closed } of listeners) {
      for (const reason of CLOSE_REASONS) {
        out.sample(closed[reason], labelText({ listener, reason }));
      }
    }
    out.family(`${name}_connections_software`, "gauge", "Open connections by client library");
    for (const { listener, softwareName, softwareVersion, count } of clients) {
      const clientSoftwareName = softwareName;
      const clientSoftwareVersion = softwareVersion;
      const labels = { clientSoftwareName, clientSoftwareVersion, listener };
      out.sample(count, labelText({ ...labels, networkProcessor: "0" }));
    }
    yield;
    const queue = "kafka_network_requestchannel_requestqueuesize";
    out.one(queue, "gauge", "Requests that wait for those before them", server.requestsQueued);
    let expiredCount = 0;
    for (const { closed } of listeners) expiredCount += closed.idle + closed.stranger;
    const pool = "Bytes for requests (queued.max.request.bytes)";
    const rows: readonly (readonly [string, string, number])[] = [
      ["expiredconnectionskilledcount", "Connections silent for too long", expiredCount],
      ["memorypoolused", `${pool}, in use`, server.requestBytes],
    ];
    for (const [row, help, value] of rows) {
      out.one(`kafka_network_socketserver_${row}`, "gauge", help, value);
    }
    yield;
  };
}
