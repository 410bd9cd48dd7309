/** Between the records of a coordinator and the bytes of its log. */

export interface EncodedRecord {
  readonly key: Buffer;
  /** Null: a tombstone. */
  readonly value: Buffer | null;
}

export interface RecordCodec<R> {
  encode(record: R): EncodedRecord;
  /**
   * "ignored": nothing that the state needs; "unknown": a type of a newer release. What is decoded
   * must not be a view into the bytes. Throws `ProtocolError`.
   */
  decode(key: Buffer, value: Buffer | null): R | "ignored" | "unknown";
}
