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
    this.connectionsAccepted = counter("connections_accepted_total", "Connections accepted");
    this.connectionsTurnedAway = counter(
      "connections_turned_away_total",
      "Connections closed at once because there were too many",
    );
    this.connectionsRefused = counter(
      "connections_refused_total",
      "Connections closed because of what the client sent",
    );
    this.connectionsExpired = counter(
      "connections_expired_total",
      "Connections closed because they were silent for too long",
    );
    this.bytesReceived = counter("bytes_received_total", "Bytes received");
    this.bytesSent = counter("bytes_sent_total", "Bytes handed to the kernel");
    this.requests = counter("requests_total", "Requests with a valid header");
  }
}
