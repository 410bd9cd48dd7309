/** What was asked for cannot be done: one line for whoever asked. */
export class UsageError extends Error {}
