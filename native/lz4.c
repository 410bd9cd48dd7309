/*
 * LZ4 blocks, decoded within given bounds: no input makes it read or write outside of them.
 *
 *   sequence := token (literal count : 4 bits | match length - 4 : 4 bits)
 *               [255-bytes of the count] literals  offset uint16le  [255-bytes of the length]
 *
 * The same as decodeLz4BlockInTypeScript in src/protocol/lz4.ts.
 */
typedef unsigned char byte;
typedef unsigned int u32;

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

#define MALFORMED -1
#define NO_ROOM -2

INLINE void copy8(byte *to, const byte *from) { __builtin_memcpy(to, from, 8); }
INLINE void copy16(byte *to, const byte *from) { __builtin_memcpy(to, from, 16); }

/* Adds up the 255-bytes of a length. Returns the position behind them, or null. */
INLINE const byte *read_length(const byte *at, const byte *end, u32 *length) {
  u32 next;
  do {
    /* 2^31 is beyond any room there is, and leaves the sum within 32 bits. */
    if (at >= end || *length > 0x7fffffff) return 0;
    next = *at++;
    *length += next;
  } while (next == 255);
  return at;
}

/* Bytes may overlap: a match of offset 1 repeats one byte. */
INLINE void copy_match(byte *to, u32 offset, u32 length, const byte *room_end) {
  const byte *from = to - offset;
  if (offset >= 16 && (u32)(room_end - to) >= length + 16) {
    byte *end = to + length;
    do {
      copy16(to, from);
      to += 16;
      from += 16;
    } while (to < end);
  } else if (offset >= 8 && (u32)(room_end - to) >= length + 8) {
    byte *end = to + length;
    do {
      copy8(to, from);
      to += 8;
      from += 8;
    } while (to < end);
  } else {
    while (length-- > 0) *to++ = *from++;
  }
}

/*
 * Decodes one block into target[at...limit]. Matches may reach back to target[history]. Returns
 * the bytes written, MALFORMED, or NO_ROOM when they are more than limit - at.
 */
EXPORT int bunka_lz4_decode(const byte *source, u32 source_at, u32 source_size, byte *target,
                            u32 history, u32 target_at, u32 target_limit) {
  const byte *in = source + source_at;
  const byte *in_end = in + source_size;
  byte *out = target + target_at;
  const byte *oldest = target + history;
  const byte *out_end = target + target_limit;
  for (;;) {
    if (in >= in_end) return MALFORMED;
    u32 token = *in++;
    u32 literals = token >> 4;
    if (literals == 15) {
      in = read_length(in, in_end, &literals);
      if (in == 0) return MALFORMED;
    }
    if (literals > (u32)(in_end - in)) return MALFORMED;
    if (literals > (u32)(out_end - out)) return NO_ROOM;
    if (literals <= 16 && in_end - in >= 16 && out_end - out >= 16) {
      copy16(out, in);
    } else {
      __builtin_memcpy(out, in, literals);
    }
    in += literals;
    out += literals;
    /* The last sequence ends with its literals. */
    if (in == in_end) return (int)(out - (target + target_at));

    if (in_end - in < 2) return MALFORMED;
    u32 offset = in[0] | (u32)in[1] << 8;
    in += 2;
    if (offset == 0 || offset > (u32)(out - oldest)) return MALFORMED;
    u32 length = token & 15;
    if (length == 15) {
      in = read_length(in, in_end, &length);
      if (in == 0) return MALFORMED;
    }
    length += 4;
    if (length > (u32)(out_end - out)) return NO_ROOM;
    copy_match(out, offset, length, out_end);
    out += length;
  }
}
