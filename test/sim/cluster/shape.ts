/**
 * Of which nodes a cluster is made, as the seed has it:
 *
 *   together   every node is broker and controller
 *   apart      controllers hold no partitions, and brokers have no vote
 *
 * The quorum is fixed by settings (kraft.version 0), or it is in its own log (KIP-853). Brokers have
 * one log directory, or two.
 */
import { randomDirectoryId } from "../../../src/broker/format-storage.ts";
import {
  KRAFT_VERSIONS,
  type Voter,
  voterSet,
  type VoterSet,
} from "../../../src/raft/voter-set.ts";
import type { FakeRandom } from "../fake-random.ts";

export const BROKER_PORT = 9092;
export const CONTROLLER_PORT = 9093;
export const DIRECTORY = "/data";
export const OTHER_DIRECTORY = "/data2";
const COPIES_MAX = 3;

export interface Member {
  readonly id: number;
  readonly isBroker: boolean;
  readonly isController: boolean;
  /** The first holds the metadata log. */
  readonly directories: readonly string[];
}

export interface Shape {
  readonly members: readonly Member[];
  /** Those of kraft.version 1, as the log begins with them; null where settings name them. */
  readonly firstVoters: VoterSet | null;
}

/** A cluster of so many brokers, mostly; now and then one of more, or one with roles apart. */
export function someShape(random: FakeRandom, brokerCount: number): Shape {
  const isUsual = brokerCount === COPIES_MAX;
  const isLarge = isUsual && random.chance(0.12);
  const controllerCount = isUsual && !isLarge && random.chance(0.15) ? random.pick([1, 3]) : 0;
  const hasTwo = random.chance(0.25);
  const directories = hasTwo ? [DIRECTORY, OTHER_DIRECTORY] : [DIRECTORY];
  const count = isLarge ? random.pick([4, 5]) : brokerCount;
  const isController = controllerCount === 0;
  const brokers = idsFrom(1, count).map((id): Member => {
    return { id, isBroker: true, isController, directories };
  });
  const controllers = idsFrom(count + 1, controllerCount).map((id): Member => {
    return { id, isBroker: false, isController: true, directories: [DIRECTORY] };
  });
  const members = [...brokers, ...controllers];
  return { members, firstVoters: random.chance(0.5) ? votersOf(members, random) : null };
}

/** All are the same, and the quorum is fixed. */
export function plainShape(nodeCount: number, directories = [DIRECTORY]): Shape {
  const members = idsFrom(1, nodeCount).map((id): Member => {
    return { id, isBroker: true, isController: true, directories };
  });
  return { members, firstVoters: null };
}

export function addressOf(id: number): string {
  return `10.0.0.${id}`;
}

/** What a node of this shape is set to, and the same for all of its kind. */
export function settingsOf(member: Member, { members, firstVoters }: Shape) {
  const { id, isBroker, isController, directories } = member;
  const address = addressOf(id);
  const brokerCount = members.filter((each) => each.isBroker).length;
  const copies = String(Math.min(COPIES_MAX, brokerCount));
  const copiesMin = String(Math.min(2, brokerCount));
  const controllers = members.filter((each) => each.isController).map((each) => each.id);
  const place = (each: number) => `${addressOf(each)}:${CONTROLLER_PORT}`;
  const listeners = [
    ...(isBroker ? [`PLAINTEXT://${address}:${BROKER_PORT}`] : []),
    ...(isController ? [`CONTROLLER://${address}:${CONTROLLER_PORT}`] : []),
  ];
  const quorum =
    firstVoters === null
      ? { "controller.quorum.voters": controllers.map((each) => `${each}@${place(each)}`) }
      : {
          "controller.quorum.bootstrap.servers": controllers.map(place),
          ...(isController ? { "controller.quorum.auto.join.enable": ["true"] } : {}),
        };
  return {
    ...Object.fromEntries(Object.entries(quorum).map(([name, all]) => [name, all.join(",")])),
    "process.roles": isBroker ? (isController ? "broker,controller" : "broker") : "controller",
    "node.id": String(id),
    listeners: listeners.join(","),
    "advertised.listeners": listeners.join(","),
    "controller.listener.names": "CONTROLLER",
    "log.dirs": directories.join(","),
    "offsets.topic.replication.factor": copies,
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": copiesMin,
    "min.insync.replicas": copiesMin,
    "default.replication.factor": copies,
  };
}

function votersOf(members: readonly Member[], random: FakeRandom): VoterSet {
  const voters = members
    .filter(({ isController }) => isController)
    .map(({ id }): Voter => {
      const endpoints = [{ name: "CONTROLLER", host: addressOf(id), port: CONTROLLER_PORT }];
      return { id, directoryId: randomDirectoryId(random), endpoints, ...KRAFT_VERSIONS };
    });
  return voterSet(voters);
}

function idsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
