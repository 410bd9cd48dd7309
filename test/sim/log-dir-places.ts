/** Where the log of the topic t's one partition lies, and how it is told to go elsewhere. */
import { alterReplicaLogDirs } from "../../src/protocol/messages/34-alter-replica-log-dirs.ts";
import { describeLogDirs } from "../../src/protocol/messages/35-describe-log-dirs.ts";
import type { TestBroker } from "../api/broker-kit.ts";

export const MOVED_TOPIC = "t";
export const DIRECTORIES = ["/a", "/b"];

export interface Place {
  readonly path: string;
  readonly isFuture: boolean;
}

export function placesOf(broker: TestBroker): Place[] {
  const { results } = broker.wait(broker.asker.quietly(describeLogDirs, 4, { topics: null }));
  return results.flatMap(({ logDir, topics }) =>
    topics
      .filter(({ name }) => name === MOVED_TOPIC)
      .flatMap(({ partitions }) =>
        partitions.map(({ isFutureKey }) => ({ path: logDir, isFuture: isFutureKey })),
      ),
  );
}

export function move(broker: TestBroker, path: string): Promise<unknown> {
  const dirs = [{ path, topics: [{ name: MOVED_TOPIC, partitions: [0] }] }];
  return broker.asker.quietly(alterReplicaLogDirs, 2, { dirs });
}

/** The directory that it is not in. */
export function otherThan(path: string): string {
  return DIRECTORIES.find((each) => each !== path)!;
}

/** Moves time until it lies in one directory, and answers which; null if it never does. */
export function settledPlace(broker: TestBroker, roundsMax: number): string | null {
  for (let round = 0; round < roundsMax; round++) {
    const places = placesOf(broker);
    if (places.length === 1 && !places[0]!.isFuture) return places[0]!.path;
    broker.world.clock.advance(10);
  }
  return null;
}
