/*
 * Consumers, Fetch v11. Followers wait at the end of all partitions in a fetch session (KIP-227)
 * and, in an open loop, take the time from when a batch was meant to be sent until the answer that
 * has it is there as a whole. Readers read from offset 0, without a session.
 *
 * An answer is parsed while it comes in, one small part after the other; records are not looked at:
 *
 *   FRAME (TOPIC_SIZE TOPIC (PARTITION ABORTED? RECORDS BATCH? skip)*)*
 */
#include "load.h"

typedef enum { FRAME, TOPIC_SIZE, TOPIC, PARTITION, RECORDS, BATCH } part_t;

typedef struct {
  int32_t partition;
  uint64_t from, to; /* batches */
} arrival_t;

typedef struct consumer {
  connection_t *c;
  int follows, is_done;
  int32_t session_id, session_epoch;
  /* Those that its broker leads. */
  int32_t *partitions;
  size_t partition_count;
  int64_t *offsets;
  byte *request;
  uint64_t asked_ns;
  /* Partitions that the next request of the session names: those that moved. */
  int32_t *moved;
  size_t moved_count;
  arrival_t *arrivals;
  size_t arrival_count;
  /* The part under way. */
  part_t part;
  byte have[512];
  size_t have_size, need, skip;
  int32_t topics_left, partitions_left, partition, records_size;
  int64_t high_watermark;
  size_t ended_partitions;
} consumer_t;

static consumer_t *all;
static size_t count;
static uint64_t read_bytes, followed_bytes, fetches, followers_left, readers_left;
static histogram_t fetch_latencies, end_to_end;

enum {
  MAX_WAIT_MS = 500, SESSION_NOT_FOUND = 70, INVALID_SESSION_EPOCH = 71,
  SMALL_READ = 2048, LARGE_READ = 256 << 10, LARGE_BODY = 32 << 10, BATCH_HEAD = 12
};

static void ask(consumer_t *f) {
  int is_whole = !f->follows || f->session_id == 0;
  byte *at = put16(put16(f->request + 4, 1), 11);
  at = put_text(put32(at, 0), "load");
  at = put32(put32(put32(at, -1), MAX_WAIT_MS), 1);
  at = put8(put32(at, 0x7fffffff), 0);
  at = put32(put32(at, f->session_id), f->follows ? f->session_epoch : -1);
  size_t named = is_whole ? f->partition_count : f->moved_count;
  at = put32(at, named > 0);
  if (named > 0) at = put32(put_text(at, options.topic), (int64_t)named);
  for (size_t i = 0; i < named; i++) {
    int32_t partition = is_whole ? f->partitions[i] : f->moved[i];
    at = put64(put32(put32(at, partition), -1), f->offsets[partition]);
    at = put32(put64(at, -1), (int64_t)options.partition_bytes);
  }
  at = put_text(put32(at, 0), "");
  put32(f->request, at - f->request - 4);
  f->moved_count = f->arrival_count = f->ended_partitions = 0;
  f->part = FRAME;
  f->need = 22;
  f->asked_ns = now_ns();
  queue_segment(f->c, f->request, (size_t)(at - f->request));
  flush_segments(f->c);
}

/* Batches of a partition are alike: how many came follows from their bytes. */
static void take_records(consumer_t *f) {
  batch_t *batch = batch_of(f->partition);
  int64_t *offset = &f->offsets[f->partition];
  uint64_t whole = (uint64_t)f->records_size / batch->size;
  if (whole > 0 && f->follows) {
    f->moved[f->moved_count++] = f->partition;
    uint64_t from = (uint64_t)*offset / batch->records;
    f->arrivals[f->arrival_count++] = (arrival_t){f->partition, from, from + whole};
  }
  *offset += (int64_t)whole * batch->records;
  *(f->follows ? &followed_bytes : &read_bytes) += (uint64_t)f->records_size;
  if (f->follows || *offset < f->high_watermark) return;
  f->ended_partitions++;
  if (!options.once) *offset = 0;
}

static void take_arrivals(consumer_t *f) {
  uint64_t now = now_ns(), from_ns = start_ns + options.skip_ms * 1000000;
  if (options.rate == 0) return;
  for (size_t i = 0; i < f->arrival_count; i++) {
    arrival_t *a = &f->arrivals[i];
    for (uint64_t n = a->from; n < a->to; n++) {
      uint64_t due = due_of(a->partition, n);
      if (due >= from_ns) record(&end_to_end, now - due);
    }
  }
}

static int has_seen_all(const consumer_t *f) {
  for (size_t i = 0; i < f->partition_count; i++) {
    int partition = f->partitions[i];
    uint64_t wanted = batches_of(partition) * batch_of(partition)->records;
    if ((uint64_t)f->offsets[partition] < wanted) return 0;
  }
  return 1;
}

static void end_answer(consumer_t *f) {
  fetches++;
  if (f->follows) {
    take_arrivals(f);
    if (f->session_id != 0) f->session_epoch++;
    if (producers_are_done() && (options.rate == 0 || has_seen_all(f))) {
      f->is_done = 1;
      followers_left--;
      return;
    }
  } else {
    record(&fetch_latencies, now_ns() - f->asked_ns);
    int is_over = options.once ? f->ended_partitions == f->partition_count
                               : read_bytes >= options.read_bytes;
    if (is_over) {
      f->is_done = 1;
      readers_left--;
      return;
    }
  }
  ask(f);
}

static void next_partition(consumer_t *f) {
  if (f->partitions_left > 0) {
    f->partitions_left--;
    f->part = PARTITION;
    f->need = 34;
  } else if (f->topics_left > 0) {
    f->topics_left--;
    f->part = TOPIC_SIZE;
    f->need = 2;
  } else {
    end_answer(f);
  }
}

static void open_frame(consumer_t *f) {
  int error_code = get16(f->have + 12);
  if (error_code == SESSION_NOT_FOUND || error_code == INVALID_SESSION_EPOCH) {
    f->session_id = f->session_epoch = 0;
    ask(f);
    return;
  }
  if (error_code != 0) refuse("fetch", error_code);
  if (f->follows) f->session_id = get32(f->have + 14);
  f->topics_left = get32(f->have + 18);
  f->partitions_left = 0;
  next_partition(f);
}

static void open_records(consumer_t *f) {
  f->records_size = get32(f->have + 4);
  if (f->records_size <= 0) {
    f->records_size = 0;
    take_records(f);
    next_partition(f);
    return;
  }
  /* Where the rest may be thrown away, little is read at a time. */
  f->c->read_size = f->records_size >= LARGE_BODY ? SMALL_READ : LARGE_READ;
  f->part = BATCH;
  f->need = f->records_size < BATCH_HEAD ? (size_t)f->records_size : BATCH_HEAD;
}

/* `have` holds the whole part. */
static void take_part(consumer_t *f) {
  const byte *p = f->have;
  f->have_size = 0;
  switch (f->part) {
    case FRAME:
      open_frame(f);
      return;
    case TOPIC_SIZE:
      f->part = TOPIC;
      f->need = (size_t)get16(p) + 4;
      return;
    case TOPIC:
      f->partitions_left = get32(p + f->need - 4);
      next_partition(f);
      return;
    case PARTITION:
      f->partition = get32(p);
      if (get16(p + 4) != 0) refuse("fetch", get16(p + 4));
      f->high_watermark = get64(p + 6);
      f->skip = get32(p + 30) > 0 ? (size_t)get32(p + 30) * 16 : 0;
      f->part = RECORDS;
      f->need = 8;
      return;
    case RECORDS:
      open_records(f);
      return;
    case BATCH:
      if (f->need == BATCH_HEAD && get64(p) != f->offsets[f->partition]) {
        fprintf(stderr, "load: partition %d gave offset %lld for %lld\n", f->partition,
                (long long)get64(p), (long long)f->offsets[f->partition]);
        exit(1);
      }
      f->skip = (size_t)f->records_size - f->need;
      take_records(f);
      /* The records behind are part of it, so the answer is not at its end yet. */
      if (f->skip == 0) next_partition(f);
      else f->need = 0;
  }
}

static void input(connection_t *c, const byte *bytes, size_t size) {
  consumer_t *f = c->consumer;
  size_t at = 0;
  while (!f->is_done && (at < size || (f->need == 0 && f->skip == 0))) {
    if (f->skip > 0) {
      size_t skipped = size - at < f->skip ? size - at : f->skip;
      f->skip -= skipped;
      at += skipped;
    } else if (f->need > 0) {
      size_t missing = f->need - f->have_size;
      size_t taken = size - at < missing ? size - at : missing;
      memcpy(f->have + f->have_size, bytes + at, taken);
      f->have_size += taken;
      at += taken;
      if (f->have_size == f->need) take_part(f);
    } else next_partition(f);
  }
  c->discard = f->skip;
}

void open_consumers(void) {
  options.consumers = connections_for(options.consumers);
  options.readers = connections_for(options.readers);
  count = options.consumers + options.readers;
  all = calloc(count, sizeof *all);
  for (size_t i = 0; i < count; i++) {
    consumer_t *f = &all[i];
    f->follows = i < options.consumers;
    uint32_t broker = (uint32_t)((f->follows ? i : i - options.consumers) % broker_count);
    f->c = open_connection((int)i, broker, input);
    f->c->consumer = f;
    f->partitions = calloc(options.partitions, sizeof *f->partitions);
    for (int partition = 0; partition < (int)options.partitions; partition++)
      if (leader_of(partition) == broker) f->partitions[f->partition_count++] = partition;
    f->offsets = calloc(options.partitions, sizeof *f->offsets);
    f->moved = calloc(options.partitions, sizeof *f->moved);
    f->arrivals = calloc(options.partitions, sizeof *f->arrivals);
    f->request = malloc(1024 + options.partitions * 32);
  }
}

void start_consumers(void) {
  followers_left = options.consumers;
  readers_left = options.readers;
  for (size_t i = 0; i < count; i++) ask(&all[i]);
}

int readers_are_done(void) { return readers_left == 0; }

int consumers_are_done(void) { return followers_left == 0 && readers_left == 0; }

void report_consumers(void) {
  printf(",\"readBytes\":%llu,\"followedBytes\":%llu,\"fetches\":%llu",
         (unsigned long long)read_bytes, (unsigned long long)followed_bytes,
         (unsigned long long)fetches);
  print_histogram("fetch", &fetch_latencies);
  print_histogram("endToEnd", &end_to_end);
}
