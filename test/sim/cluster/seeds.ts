/** Seeds that once failed, each with what it showed. They run in every test. */
export interface KeptSeed {
  readonly seed: number;
  readonly nodeCount: number;
  readonly showed: string;
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 9,
    nodeCount: 1,
    showed: "a directory fails at the start, and its logs began anew in the other one, empty",
  },
];
