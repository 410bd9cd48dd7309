/** Why a node cannot start with its directories; one line. */
export class LogStartupError extends Error {}
