/** The settings of a broker under test, real or on the fake World, Kafka or Bunka. */

/** Whatever is not named here is at Kafka's default. */
export function testProperties(
  port: number,
  controllerPort: number,
  dataDirectory: string,
): Record<string, string> {
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.bootstrap.servers": `127.0.0.1:${controllerPort}`,
    "log.dirs": dataDirectory,
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    // The records of the scenarios carry timestamps of 2023: retention must let them be.
    "log.retention.ms": "-1",
    "group.initial.rebalance.delay.ms": "0",
  };
}
