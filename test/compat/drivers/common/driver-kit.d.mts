/** What driver-kit.mjs gives, for the drivers that are written in TypeScript. */
export const T0: number;

export function runScenarios(
  makeScenarios: (bootstrap: string) => Record<string, () => Promise<unknown>>,
): Promise<never>;

export function withDeadline<T>(promise: Promise<T>, deadlineMs: number, what: string): Promise<T>;

export function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  deadlineMs?: number,
): Promise<Exclude<T, false | null | undefined>>;

export function sha256(bytes: string | Uint8Array): string;

export function text(bytes: Uint8Array | null | undefined): string | null;
