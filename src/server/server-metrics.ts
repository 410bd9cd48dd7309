/** What the server counts. */
import type { Counter, Metrics } from "../base/metrics.ts";

export class ServerMetrics {
  readonly connectionsAccepted: Counter;
  readonly connectionsTurnedAway: Counter;
  readonly connectionsRefused: Counter;
  readonly connectionsExpired: Counter;
  readonly bytesReceived: Counter;
  readonly bytesSent: Counter;
  readonly requests: Counter;

  constructor(metrics: Metrics) {
    const counter = (name: string, help: string) => metrics.counter(`bunka_server_${name}`, help);
    this.connectionsAccepted = counter("connections_accepted", "Connections accepted");
    this.connectionsTurnedAway = counter(
      "connections_turned_away",
      "Connections closed at once because there were too many",
    );
    this.connectionsRefused = counter(
      "connections_refused",
      "Connections closed because of what the client sent",
    );
    this.connectionsExpired = counter(
      "connections_expired",
      "Connections closed because they were silent for too long",
    );
    this.bytesReceived = counter("bytes_received", "Bytes received");
    this.bytesSent = counter("bytes_sent", "Bytes handed to the kernel");
    this.requests = counter("requests", "Requests with a valid header");
  }
}
