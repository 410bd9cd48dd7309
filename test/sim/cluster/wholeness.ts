/**
 * What a cluster that nobody disturbs any more has to come to by itself: every broker is there, and
 * knows who leads what, every copy is in sync, and every controller votes.
 */
import type { Node } from "../../../src/server/node.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** Null when nothing is missing any more. */
export function whatIsMissing(nodes: readonly SimulatedNode[]): string | null {
  const away = nodes.find(({ running }) => running === null);
  if (away !== undefined) return `node ${away.id} is not up`;
  const running = nodes.map((node) => node.running!);
  const { image } = running.reduce((one, other) => (isNewer(one, other) ? one : other)).broker;
  for (const { id, member, isVoting } of nodes) {
    if (member.isController && !isVoting) return `node ${id} does not vote`;
    if (member.isBroker && !image.cluster.isActive(id)) return `broker ${id} is not active`;
  }
  for (const { name, id, partitions } of image.topics.values()) {
    for (const [index, { isr, replicas, leaderEpoch }] of partitions.entries()) {
      const told = `${name}-${index} (epoch ${leaderEpoch})`;
      if (isr.length < replicas.length) return `${told} has in sync ${isr} of ${replicas}`;
      for (const { broker } of running) {
        if (broker.image.topics.byId(id)?.partitions[index]?.leaderEpoch !== leaderEpoch) {
          return `node ${broker.nodeId} does not know of ${told}`;
        }
      }
    }
  }
  return null;
}

function isNewer(one: Node, other: Node): boolean {
  return one.broker.metadataOffset >= other.broker.metadataOffset;
}
