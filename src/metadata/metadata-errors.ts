/** Why a command was not carried out. */

/** More than a batch holds: the command is refused, and nothing has changed. */
export class TooManyRecordsError extends Error {}

/**
 * This node has not the active controller, or has it no more: whether the records are, or will be,
 * committed is not known. Whoever wants them asks the controller that is active now.
 */
export class NotControllerError extends Error {}

/** The node is stopping, or its disk failed. */
export class MetadataStoppedError extends NotControllerError {}
