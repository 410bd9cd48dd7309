/** Why a command was not carried out. */

/** More than a batch holds: the command is refused, and nothing has changed. */
export class TooManyRecordsError extends Error {}

/** The node is stopping, or its disk failed: whether the records are there is not known. */
export class MetadataStoppedError extends Error {}
