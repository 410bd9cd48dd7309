/**
 * The peer (or a file) sent bytes that are not what they claim to be. Thrown by readers only, and
 * caught once per request: it costs that connection, never the node.
 */
export class ProtocolError extends Error {}

/**
 * A message carries a value that the chosen version cannot express. Our own doing: whoever chose
 * the version either chooses another one or leaves the field out.
 */
export class UnsupportedVersionError extends Error {}
