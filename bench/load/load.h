/* The parts of the load generator: see the head of load.c. */
#ifndef LOAD_H
#define LOAD_H
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned char byte;

/* Options are `name=value` on the command line; options.c has what each means. */
typedef struct {
  const char *host, *topic, *batches, *producers, *leaders;
  uint64_t port, partitions, connections, window, acks, spread, transaction, bytes;
  uint64_t rate, seconds, skip_ms, consumers, readers, read_bytes, partition_bytes, once;
} options_t;

extern options_t options;
void read_options(int argc, char **argv);

/* What the batches of a partition look like; all of one partition are alike. */
typedef struct {
  byte *bytes;
  uint32_t size, records;
} batch_t;

extern batch_t *batches;
extern int batch_count;
static inline batch_t *batch_of(int partition) { return &batches[partition % batch_count]; }

/* A log-linear histogram of nanoseconds, within 0.8 % of each value. */
enum { STEPS_LOG2 = 7, BUCKETS = (64 - STEPS_LOG2 + 1) << STEPS_LOG2 };
typedef struct {
  uint64_t counts[BUCKETS], count, max;
  double sum;
} histogram_t;
void record(histogram_t *histogram, uint64_t ns);
void print_histogram(const char *name, const histogram_t *histogram);

/* A request under way. */
typedef struct {
  uint64_t due_ns;
  uint32_t group;
  byte is_commit;
} flight_t;

typedef struct {
  const byte *bytes;
  size_t size;
} segment_t;

typedef struct connection connection_t;
typedef void (*on_input)(connection_t *c, const byte *bytes, size_t size);

struct connection {
  int fd, index;
  on_input input;
  /* Segments that wait to be sent: a ring. Their bytes stay where they are until then. */
  segment_t *segments;
  size_t segment_head, segment_tail, segment_room, sent;
  byte waits_to_write;
  /* How many bytes may be thrown away unseen, and how many to ask for at most otherwise. */
  size_t discard, read_size;
  struct producer *producer;
  struct consumer *consumer;
};

/* net.c */
extern uint64_t start_ns;
uint64_t now_ns(void);
void fail(const char *what);
void refuse(const char *what, int error_code);
connection_t *open_connection(int index, uint32_t broker, on_input input);
void queue_segment(connection_t *c, const byte *bytes, size_t size);
void flush_segments(connection_t *c);
void wake_at(uint64_t ns);
void wait_for_events(void);
void open_net(void);

/* leaders.c */
extern uint32_t broker_count;
void open_leaders(void);
uint16_t port_of_broker(uint32_t broker);
uint32_t leader_of(int partition);
uint64_t connections_for(uint64_t wanted);

/* producer.c: the schedule of the open loop is here. */
void open_producers(void);
void start_producers(void);
/* Sends what is due; returns when the next is, or 0. */
uint64_t issue_due(void);
/* An open loop is at its end: what was sent is still answered. */
void stop_producers(void);
int producers_are_done(void);
/* When the n-th batch of a partition was meant to be sent; open loop only. */
uint64_t due_of(int partition, uint64_t n);
uint64_t batches_of(int partition);
void report_producers(void);

/* consumer.c */
void open_consumers(void);
void start_consumers(void);
int consumers_are_done(void);
int readers_are_done(void);
void report_consumers(void);

/* Big-endian integers, Kafka's strings, and varints. */
static inline byte *put8(byte *p, int v) { *p = (byte)v; return p + 1; }
static inline byte *put16(byte *p, int v) { return put8(put8(p, v >> 8), v); }
static inline byte *put32(byte *p, int64_t v) { return put16(put16(p, (int)(v >> 16)), (int)v); }
static inline byte *put64(byte *p, int64_t v) { return put32(put32(p, v >> 32), v); }
static inline byte *put_text(byte *p, const char *text) {
  size_t size = strlen(text);
  p = put16(p, (int)size);
  memcpy(p, text, size);
  return p + size;
}
static inline byte *put_uvarint(byte *p, uint64_t v) {
  for (; v >= 128; v >>= 7) *p++ = (byte)(v | 128);
  return put8(p, (int)v);
}
static inline byte *put_compact(byte *p, const char *text) {
  size_t size = strlen(text);
  p = put_uvarint(p, size + 1);
  memcpy(p, text, size);
  return p + size;
}
static inline int get16(const byte *p) { return (int16_t)(p[0] << 8 | p[1]); }
static inline int32_t get32(const byte *p) {
  return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}
static inline int64_t get64(const byte *p) {
  return (int64_t)((uint64_t)(uint32_t)get32(p) << 32 | (uint32_t)get32(p + 4));
}

#endif
