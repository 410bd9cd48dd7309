/*
 * Walks the records of a batch once, as a broker must before it takes them.
 *
 *   record := length varint | attributes int8 | timestampDelta varlong | offsetDelta varint
 *             | key size varint, bytes | value size varint, bytes
 *             | headers count varint, then each: key size varint, bytes | value size varint, bytes
 *
 * The same as walkRecordsInTypeScript in src/protocol/record-walk.ts, bit for bit: one test runs
 * both. It answers only whether all is as usual; what exactly is wrong is found by the caller.
 */
typedef unsigned char byte;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)

#define MALFORMED -2.0
#define UNUSUAL -3.0
#define SAFE_INTEGER_MAX 9007199254740991.0

/* Zigzag, up to five bytes. Returns the position behind it, or null. */
INLINE const byte *read_varint(const byte *at, const byte *end, int *value) {
  if (at >= end) return 0;
  u32 raw = *at++;
  if (raw > 127) {
    raw &= 127;
    for (int shift = 7;; shift += 7) {
      if (at >= end) return 0;
      u32 next = *at++;
      raw |= (next & 127) << shift;
      if (next < 128) break;
      if (shift == 28) return 0;
    }
  }
  *value = (int)(raw >> 1) ^ -(int)(raw & 1);
  return at;
}

/* Zigzag, up to ten bytes, as the double that TypeScript would get. */
INLINE const byte *read_varlong(const byte *at, const byte *end, double *value) {
  if (at >= end) return 0;
  u64 raw = *at++;
  if (raw > 127) {
    raw &= 127;
    for (int shift = 7;; shift += 7) {
      if (at >= end) return 0;
      u64 next = *at++;
      raw |= (next & 127) << shift;
      if (next < 128) break;
      if (shift == 63) return 0;
    }
  }
  double half = (double)(raw >> 1);
  *value = raw & 1 ? -half - 1 : half;
  return at;
}

/* A size and that many bytes; a negative size stands for null. */
INLINE const byte *skip_bytes(const byte *at, const byte *end, int *size) {
  at = read_varint(at, end, size);
  if (at == 0 || *size <= 0) return at;
  return *size <= end - at ? at + *size : 0;
}

static const byte *skip_headers(const byte *at, const byte *end, int count) {
  int size;
  while (count-- > 0) {
    at = skip_bytes(at, end, &size);
    if (at == 0 || size < 0) return 0;
    at = skip_bytes(at, end, &size);
    if (at == 0) return 0;
  }
  return at;
}

/*
 * The greatest timestamp, at least -1; or MALFORMED; or UNUSUAL: a key is missing that must be
 * there, a timestamp is out of bounds, or an offset delta is not the index of its record.
 */
EXPORT double bunka_walk_records(const byte *bytes, u32 offset, u32 size, int count, int keyed,
                                 double base_timestamp, double timestamp_min, double timestamp_max) {
  const byte *at = bytes + offset;
  const byte *end = at + size;
  double max_timestamp = -1;
  int usual = 1;
  if (count < 0) return MALFORMED;
  /* As in Kafka, where nobody looks behind the header of an empty batch. */
  if (count == 0) return max_timestamp;
  for (int index = 0; index < count; index++) {
    int length, offset_delta, key_size, value_size, headers;
    double delta;
    at = read_varint(at, end, &length);
    if (at == 0 || length < 1 || length > end - at) return MALFORMED;
    const byte *record_end = at + length;
    at = read_varlong(at + 1, record_end, &delta);
    if (at == 0) return MALFORMED;
    at = read_varint(at, record_end, &offset_delta);
    if (at == 0) return MALFORMED;
    at = skip_bytes(at, record_end, &key_size);
    if (at == 0) return MALFORMED;
    at = skip_bytes(at, record_end, &value_size);
    if (at == 0) return MALFORMED;
    at = read_varint(at, record_end, &headers);
    if (at == 0 || headers < 0) return MALFORMED;
    if (headers > 0) at = skip_headers(at, record_end, headers);
    if (at != record_end) return MALFORMED;

    double timestamp = base_timestamp + delta;
    int timestamp_usual =
        timestamp == -1 || (timestamp >= timestamp_min && timestamp <= timestamp_max);
    int exact = delta <= SAFE_INTEGER_MAX && delta >= -SAFE_INTEGER_MAX;
    usual &= timestamp_usual & exact & (offset_delta == index) & (!keyed | (key_size >= 0));
    if (timestamp > max_timestamp) max_timestamp = timestamp;
  }
  if (at != end) return MALFORMED;
  return LIKELY(usual) ? max_timestamp : UNUSUAL;
}
