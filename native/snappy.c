/*
 * Raw Snappy blocks, decoded within given bounds: no input makes it read or write outside of them.
 *
 *   block   := uncompressed size uvarint, elements
 *   element := tag with its kind in the two low bits:
 *              0 literal, size - 1 in six bits (60 to 63: in 1 to 4 bytes behind the tag)
 *              1 copy, length - 4 in three bits, offset in eleven
 *              2 copy, length - 1 in six bits, offset uint16le
 *              3 copy, length - 1 in six bits, offset uint32le
 *
 * The same as decodeSnappyInTypeScript in src/protocol/snappy.ts, which reads the size.
 */
typedef unsigned char byte;
typedef unsigned int u32;

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

#define MALFORMED -1

INLINE void copy16(byte *to, const byte *from) { __builtin_memcpy(to, from, 16); }

INLINE void copy_back(byte *to, u32 offset, u32 length, const byte *room_end) {
  const byte *from = to - offset;
  if (offset >= 16 && (u32)(room_end - to) >= 64 + 16) {
    byte *end = to + length;
    do {
      copy16(to, from);
      to += 16;
      from += 16;
    } while (to < end);
  } else {
    while (length-- > 0) *to++ = *from++;
  }
}

/* Decodes the elements into target[at...at + size], which they must fill. 0 or MALFORMED. */
EXPORT int bunka_snappy_decode(const byte *source, u32 source_at, u32 source_size, byte *target,
                               u32 target_at, u32 target_size) {
  const byte *in = source + source_at;
  const byte *in_end = in + source_size;
  byte *start = target + target_at;
  byte *out = start;
  const byte *out_end = start + target_size;
  while (in < in_end) {
    u32 tag = *in++;
    u32 kind = tag & 3;
    if (kind == 0) {
      u32 size = tag >> 2;
      if (size >= 60) {
        u32 bytes = size - 59;
        if ((u32)(in_end - in) < bytes) return MALFORMED;
        size = 0;
        for (u32 index = 0; index < bytes; index++) size |= (u32)in[index] << (8 * index);
        in += bytes;
      }
      /* Compared as size - 1, since the size itself may be 2^32. */
      if (in == in_end || size > (u32)(in_end - in) - 1) return MALFORMED;
      if (out == out_end || size > (u32)(out_end - out) - 1) return MALFORMED;
      size += 1;
      if (size <= 16 && in_end - in >= 16 && out_end - out >= 16) {
        copy16(out, in);
      } else {
        __builtin_memcpy(out, in, size);
      }
      in += size;
      out += size;
      continue;
    }
    u32 length = kind == 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    u32 wide = kind == 3 ? 4 : kind;
    if ((u32)(in_end - in) < wide) return MALFORMED;
    u32 offset = in[0];
    if (kind == 1) offset |= (tag >> 5) << 8;
    else offset |= (u32)in[1] << 8;
    if (kind == 3) offset |= (u32)in[2] << 16 | (u32)in[3] << 24;
    in += wide;
    if (offset == 0 || offset > (u32)(out - start)) return MALFORMED;
    if (length > (u32)(out_end - out)) return MALFORMED;
    copy_back(out, offset, length, out_end);
    out += length;
  }
  return out == out_end ? 0 : MALFORMED;
}
