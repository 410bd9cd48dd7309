/**
 * Small clusters, whole: see `model.ts`. BUNKA_RAFT_MODELS=large adds those that take minutes.
 */
import { expect, test } from "bun:test";
import { type Bounds, explore } from "./model.ts";

const SMALL: Bounds = {
  voters: 3,
  epochMax: 1,
  appends: 0,
  messagesMax: 3,
  crashes: 0,
  losses: 0,
  areSyncsLate: false,
  statesMax: 20_000_000,
};

interface Model {
  readonly name: string;
  readonly bounds: Partial<Bounds>;
  /** That they are reached shows that the bounds are wide enough to mean something. */
  readonly statesMin: number;
  readonly committedMin: number;
  readonly leadersMin: number;
}

const MODELS: readonly Model[] = [
  {
    name: "one voter that crashes twice, with late syncs",
    bounds: { voters: 1, epochMax: 3, appends: 2, crashes: 2, areSyncsLate: true },
    statesMin: 150,
    committedMin: 4,
    leadersMin: 3,
  },
  {
    name: "three voters in their first epoch",
    bounds: {},
    statesMin: 15_000,
    committedMin: 1,
    leadersMin: 1,
  },
  {
    name: "three voters, two epochs, one message lost",
    bounds: { messagesMax: 2, losses: 1, epochMax: 2 },
    statesMin: 2_000,
    committedMin: 1,
    leadersMin: 2,
  },
  {
    name: "three voters, two epochs, one crash",
    bounds: { messagesMax: 2, crashes: 1, epochMax: 2 },
    statesMin: 30_000,
    committedMin: 2,
    leadersMin: 2,
  },
];

const LARGE: readonly Model[] = [
  {
    name: "two voters, one crash, late syncs",
    bounds: { voters: 2, epochMax: 2, messagesMax: 2, appends: 1, crashes: 1, areSyncsLate: true },
    statesMin: 100_000,
    committedMin: 2,
    leadersMin: 2,
  },
  {
    name: "three voters, two epochs, two messages lost",
    bounds: { messagesMax: 2, losses: 2, epochMax: 2, appends: 1 },
    statesMin: 30_000,
    committedMin: 3,
    leadersMin: 2,
  },
  {
    name: "three voters, one record of the controller",
    bounds: { appends: 1 },
    statesMin: 100_000,
    committedMin: 2,
    leadersMin: 1,
  },
  {
    name: "three voters, one message lost",
    bounds: { losses: 1 },
    statesMin: 100_000,
    committedMin: 1,
    leadersMin: 1,
  },
];

const isLarge = process.env["BUNKA_RAFT_MODELS"] === "large";

for (const model of isLarge ? [...MODELS, ...LARGE] : MODELS) {
  const { name, bounds, statesMin, committedMin, leadersMin } = model;
  test(
    name,
    () => {
      const explored = explore({ ...SMALL, ...bounds });
      if (isLarge) console.log(name, explored);
      expect(explored.states).toBeGreaterThan(statesMin);
      expect(explored.withCommits).toBeGreaterThan(0);
      expect(explored.committedMax).toBeGreaterThanOrEqual(committedMin);
      expect(explored.leadersMax).toBeGreaterThanOrEqual(leadersMin);
    },
    900_000,
  );
}
