/** Seeds that once failed, each with what it showed. They run in every test. */
export interface KeptSeed {
  readonly seed: number;
  readonly nodeCount: number;
  readonly showed: string;
}

export const KEPT_SEEDS: readonly KeptSeed[] = [];
