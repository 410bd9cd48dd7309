/** Streams groups (KIP-1071). */
import { atLeast } from "./checks.ts";
import { acts, clusterWide, int, INT_MAX } from "./setting.ts";

export const streamsSettings = {
  "group.streams.assignment.interval.ms": int(
    1000,
    "medium",
    atLeast(0),
    clusterWide,
    acts("How long a streams group keeps an assignment before the next is made."),
  ),
  "group.streams.heartbeat.interval.ms": int(
    5000,
    "medium",
    atLeast(1),
    acts("How often members of streams groups are told to send a heartbeat."),
  ),
  "group.streams.initial.rebalance.delay.ms": int(
    3000,
    "medium",
    atLeast(0),
    acts("How long the first member of an empty streams group waits for others."),
  ),
  "group.streams.max.assignment.interval.ms": int(
    15_000,
    "medium",
    atLeast(0),
    acts("The longest assignment interval that a streams group may have."),
  ),
  "group.streams.max.heartbeat.interval.ms": int(
    15_000,
    "medium",
    atLeast(1),
    acts("The longest heartbeat interval that a streams group may have."),
  ),
  "group.streams.max.session.timeout.ms": int(
    60_000,
    "medium",
    atLeast(1),
    acts("The longest session that a streams group may have."),
  ),
  "group.streams.max.size": int(
    INT_MAX,
    "medium",
    atLeast(1),
    acts("Members that one streams group may have."),
  ),
  "group.streams.max.standby.replicas": int(
    2,
    "medium",
    atLeast(0),
    acts("The most standby tasks for each task that a streams group may have."),
  ),
  "group.streams.min.assignment.interval.ms": int(
    0,
    "medium",
    atLeast(0),
    acts("The shortest assignment interval that a streams group may have."),
  ),
  "group.streams.min.heartbeat.interval.ms": int(
    5000,
    "medium",
    atLeast(1),
    acts("The shortest heartbeat interval that a streams group may have."),
  ),
  "group.streams.min.session.timeout.ms": int(
    45_000,
    "medium",
    atLeast(1),
    acts("The shortest session that a streams group may have."),
  ),
  "group.streams.num.standby.replicas": int(
    0,
    "medium",
    atLeast(0),
    acts("Standby tasks of streams groups, for each task that has state."),
  ),
  "group.streams.session.timeout.ms": int(
    45_000,
    "medium",
    atLeast(1),
    acts("Members of streams groups that are silent for so long are removed."),
  ),
};
