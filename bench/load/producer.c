/*
 * Producers. A request carries one batch for each partition of a group of `spread` neighbours:
 *
 *   group      0       1       2
 *   partition  0 1 2 | 3 4 5 | 6 7 8      spread=3
 *
 * Closed loop: each connection goes through the groups in turn and keeps `window` requests under
 * way. Open loop: request k of all goes to group k mod groups at start + k * interval, whether or
 * not the answers before it have come, and its latency counts from that very moment. A group
 * belongs to one connection then, so that the n-th batch of a partition is request
 * n * groups + group.
 */
#include "load.h"

enum { TRANSACTIONAL = 0x10, CONCURRENT_TRANSACTIONS = 51, RETRY_NS = 2000000 };

typedef struct producer {
  connection_t *c;
  /* Under way: a ring; answers come in the order of the requests. */
  flight_t *flights;
  size_t head, tail, room;
  uint32_t broker, next_group;
  /* An answer that is not whole yet. */
  byte *partial;
  size_t partial_size, partial_room;
  /* With a producer id every request is encoded anew, in the place of one that was answered. */
  int64_t id;
  int epoch;
  char transactional_id[64];
  int32_t *sequences;
  byte **slots;
  size_t slot_size;
  uint64_t in_transaction, retry_ns;
} producer_t;

typedef struct {
  byte *frame;
  size_t size, bytes;
} group_t;

static group_t *groups;
static producer_t *all;
static uint32_t group_count;
/* Who sends the requests of a group in an open loop. */
static producer_t **owners;
static uint64_t issued, issued_bytes, answered, answered_bytes, total, running, retrying, commits;
static double interval_ns;
static uint64_t counted_from_ns;
static histogram_t latencies, lateness, commit_latencies;

uint32_t bunka_crc32c(const byte *bytes, uint32_t offset, uint32_t size, uint32_t seed);
int bunka_crc32c_present(void);

static uint32_t checksum(const byte *p, size_t size) {
  if (bunka_crc32c_present()) return bunka_crc32c(p, 0, (uint32_t)size, 0);
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; i++) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

static int partition_of(uint32_t group, uint64_t index) {
  return (int)(group * options.spread + index);
}

static void stamp(byte *batch, size_t size, producer_t *p, int partition) {
  if (p->transactional_id[0] != 0) batch[22] |= TRANSACTIONAL;
  put64(batch + 43, p->id);
  put16(batch + 51, p->epoch);
  put32(batch + 53, p->sequences[partition]);
  p->sequences[partition] += get32(batch + 57);
  put32(batch + 17, checksum(batch + 21, size - 21));
}

/* Produce v7, or v12 (flexible, KIP-890) within a transaction. Gives the size of the frame. */
static size_t encode(byte *frame, uint32_t group, producer_t *p) {
  int is_flexible = p != NULL && p->transactional_id[0] != 0;
  byte *at = put16(frame + 4, 0);
  at = put16(at, is_flexible ? 12 : 7);
  at = put32(at, 0);
  at = put_text(at, "load");
  if (is_flexible) at = put_compact(put8(at, 0), p->transactional_id);
  else at = put16(at, -1);
  at = put16(at, (int16_t)options.acks);
  at = put32(at, 30000);
  if (is_flexible) at = put_uvarint(put_compact(put_uvarint(at, 2), options.topic), options.spread + 1);
  else at = put32(put_text(put32(at, 1), options.topic), (int64_t)options.spread);
  for (uint64_t i = 0; i < options.spread; i++) {
    int partition = partition_of(group, i);
    batch_t *batch = batch_of(partition);
    at = put32(at, partition);
    at = is_flexible ? put_uvarint(at, batch->size + 1) : put32(at, batch->size);
    memcpy(at, batch->bytes, batch->size);
    if (p != NULL) stamp(at, batch->size, p, partition);
    at += batch->size;
    if (is_flexible) at = put8(at, 0);
  }
  if (is_flexible) at = put16(at, 0);
  put32(frame, at - frame - 4);
  return (size_t)(at - frame);
}

static size_t encode_commit(byte *frame, producer_t *p) {
  byte *at = put16(put16(frame + 4, 26), 5);
  at = put8(put_text(put32(at, 0), "load"), 0);
  at = put_compact(at, p->transactional_id);
  at = put16(put64(at, p->id), p->epoch);
  at = put8(put8(at, 1), 0);
  put32(frame, at - frame - 4);
  return (size_t)(at - frame);
}

static flight_t *add_flight(producer_t *p) {
  if (p->tail - p->head == p->room) {
    size_t room = p->room == 0 ? 64 : p->room * 2;
    flight_t *flights = calloc(room, sizeof *flights);
    for (size_t i = p->head; i != p->tail; i++)
      flights[i & (room - 1)] = p->flights[i & (p->room - 1)];
    free(p->flights);
    p->flights = flights;
    p->room = room;
  }
  return &p->flights[p->tail++ & (p->room - 1)];
}

static void queue_request(producer_t *p, uint32_t group, uint64_t due_ns) {
  byte *slot = p->slots == NULL ? NULL : p->slots[p->tail % options.window];
  *add_flight(p) = (flight_t){due_ns, group, 0};
  if (slot == NULL) queue_segment(p->c, groups[group].frame, groups[group].size);
  else queue_segment(p->c, slot, encode(slot, group, p));
  issued++;
  issued_bytes += groups[group].bytes;
}

static void queue_commit(producer_t *p) {
  byte *slot = p->slots[p->tail % options.window];
  *add_flight(p) = (flight_t){now_ns(), 0, 1};
  queue_segment(p->c, slot, encode_commit(slot, p));
}

static int is_open_loop(void) { return options.rate > 0; }

static void next_group(producer_t *p) {
  do p->next_group = (p->next_group + 1) % group_count;
  while (leader_of(partition_of(p->next_group, 0)) != p->broker);
}

/* Closed loop: what an answered connection does next. */
static void go_on(producer_t *p) {
  int may_issue = issued_bytes < options.bytes;
  if (p->in_transaction > 0 && (p->in_transaction == options.transaction || !may_issue)) {
    queue_commit(p);
  } else if (may_issue) {
    queue_request(p, p->next_group, now_ns());
    next_group(p);
  } else if (p->head == p->tail) {
    running--;
  }
}

static void try_again_later(producer_t *p, int error_code) {
  if (p->transactional_id[0] == 0 || error_code != CONCURRENT_TRANSACTIONS)
    refuse("produce", error_code);
  p->head--;
  p->retry_ns = now_ns() + RETRY_NS;
  retrying++;
}

static void take_commit(producer_t *p, const byte *body, uint64_t due_ns) {
  int error_code = get16(body + 5);
  if (error_code != 0) {
    try_again_later(p, error_code);
    return;
  }
  record(&commit_latencies, now_ns() - due_ns);
  commits++;
  p->in_transaction = 0;
  p->id = get64(body + 7);
  p->epoch = get16(body + 15);
  memset(p->sequences, 0, options.partitions * sizeof *p->sequences);
  go_on(p);
}

/* The first partition that was refused, or 0. Behind the correlation id. */
static int error_of(const byte *body, int is_flexible) {
  if (is_flexible) {
    const byte *at = body + 1 + 1;
    at += *at + 1 + 4; /* name with its size, count, index: one partition a request */
    return get16(at);
  }
  const byte *at = body + 4;
  at += 2 + get16(at);
  int count = get32(at);
  at += 4;
  for (int i = 0; i < count; i++, at += 30)
    if (get16(at + 4) != 0) return get16(at + 4);
  return 0;
}

static void take_answer(producer_t *p, const byte *body) {
  flight_t flight = p->flights[p->head++ & (p->room - 1)];
  if (flight.is_commit) {
    take_commit(p, body, flight.due_ns);
    return;
  }
  int is_transactional = p->transactional_id[0] != 0;
  int error_code = error_of(body, is_transactional);
  if (error_code != 0) {
    try_again_later(p, error_code);
    return;
  }
  answered++;
  answered_bytes += groups[flight.group].bytes;
  if (flight.due_ns >= counted_from_ns) record(&latencies, now_ns() - flight.due_ns);
  if (is_transactional) p->in_transaction++;
  if (!is_open_loop()) go_on(p);
}

/* Whole answers are taken where they lie; what is left waits for the rest. */
static size_t take_answers(producer_t *p, const byte *bytes, size_t size) {
  size_t at = 0;
  while (size - at >= 4) {
    size_t whole = 4 + (size_t)get32(bytes + at);
    if (size - at < whole) break;
    take_answer(p, bytes + at + 8);
    at += whole;
  }
  return at;
}

static void input(connection_t *c, const byte *bytes, size_t size) {
  producer_t *p = c->producer;
  if (p->partial_size > 0) {
    if (p->partial_room < p->partial_size + size) {
      p->partial_room = 2 * (p->partial_size + size);
      p->partial = realloc(p->partial, p->partial_room);
    }
    memcpy(p->partial + p->partial_size, bytes, size);
    bytes = p->partial;
    size += p->partial_size;
  }
  size_t taken = take_answers(p, bytes, size), left = size - taken;
  if (left > p->partial_room) {
    p->partial_room = 2 * left;
    p->partial = realloc(p->partial, p->partial_room);
  }
  if (left > 0) memmove(p->partial, bytes + taken, left);
  p->partial_size = left;
  flush_segments(c);
}

static void read_producer_ids(void) {
  FILE *file = fopen(options.producers, "r");
  if (file == NULL) fail(options.producers);
  size_t frame_max = 0;
  for (uint32_t i = 0; i < group_count; i++)
    if (groups[i].size > frame_max) frame_max = groups[i].size;
  for (uint64_t i = 0; i < options.connections; i++) {
    producer_t *p = &all[i];
    char line[128];
    long long id;
    if (fgets(line, sizeof line, file) == NULL) fail("a producer id for each connection");
    if (sscanf(line, "%lld %d %63s", &id, &p->epoch, p->transactional_id) < 2) fail(line);
    p->id = id;
    p->sequences = calloc(options.partitions, sizeof *p->sequences);
    p->slots = calloc(options.window, sizeof *p->slots);
    for (uint64_t slot = 0; slot < options.window; slot++) p->slots[slot] = malloc(frame_max + 256);
  }
  fclose(file);
}

/* One that has nothing to send is not opened: a broker takes it for a stranger, and ends it. */
static int is_owner(const producer_t *p) {
  for (uint32_t group = 0; group < group_count; group++)
    if (owners[group] == p) return 1;
  return 0;
}

void open_producers(void) {
  if (options.connections == 0) return;
  options.connections = connections_for(options.connections);
  if (options.partitions % options.spread != 0 || broker_count > 1) options.spread = 1;
  group_count = (uint32_t)(options.partitions / options.spread);
  groups = calloc(group_count, sizeof *groups);
  all = calloc(options.connections, sizeof *all);
  for (uint32_t group = 0; group < group_count; group++) {
    group_t *g = &groups[group];
    for (uint64_t i = 0; i < options.spread; i++) g->bytes += batch_of(partition_of(group, i))->size;
    g->frame = malloc(g->bytes + 16 * options.spread + 512);
    g->size = encode(g->frame, group, NULL);
  }
  if (options.producers != NULL) read_producer_ids();
  for (uint64_t i = 0; i < options.connections; i++) {
    producer_t *p = &all[i];
    p->broker = (uint32_t)(i % broker_count);
    p->next_group = (uint32_t)((i + group_count - 1) % group_count);
    next_group(p);
  }
  owners = calloc(group_count, sizeof *owners);
  for (uint32_t group = 0; group < group_count; group++) {
    uint64_t owner = group % options.connections;
    while (all[owner].broker != leader_of(partition_of(group, 0)))
      owner = (owner + 1) % options.connections;
    owners[group] = &all[owner];
  }
  for (uint64_t i = 0; i < options.connections; i++) {
    producer_t *p = &all[i];
    if (is_open_loop() && !is_owner(p)) continue;
    p->c = open_connection((int)i, p->broker, input);
    p->c->producer = p;
  }
  if (!is_open_loop()) return;
  interval_ns = (double)groups[0].bytes / (double)options.rate * 1e9;
  total = (uint64_t)((double)options.seconds * 1e9 / interval_ns);
}

void start_producers(void) {
  counted_from_ns = start_ns + options.skip_ms * 1000000;
  if (is_open_loop() || options.connections == 0) return;
  running = options.connections;
  for (uint64_t i = 0; i < options.connections; i++) {
    for (uint64_t k = 0; k < options.window; k++)
      if (k == 0 || issued_bytes < options.bytes) go_on(&all[i]);
    flush_segments(all[i].c);
  }
}

static uint64_t due_of_request(uint64_t k) {
  return start_ns + (uint64_t)((double)k * interval_ns);
}

uint64_t due_of(int partition, uint64_t n) {
  return due_of_request(n * group_count + (uint64_t)partition / options.spread);
}

uint64_t batches_of(int partition) {
  uint64_t group = (uint64_t)partition / options.spread;
  return total <= group ? 0 : (total - group + group_count - 1) / group_count;
}

static uint64_t retry_due(void) {
  uint64_t now = now_ns(), next = 0;
  for (uint64_t i = 0; retrying > 0 && i < options.connections; i++) {
    producer_t *p = &all[i];
    if (p->retry_ns == 0) continue;
    if (p->retry_ns <= now) {
      p->retry_ns = 0;
      retrying--;
      byte *slot = p->slots[p->head % options.window];
      queue_segment(p->c, slot, 4 + (size_t)get32(slot));
      flush_segments(p->c);
    } else if (next == 0 || p->retry_ns < next) next = p->retry_ns;
  }
  return next;
}

uint64_t issue_due(void) {
  if (!is_open_loop()) return retry_due();
  uint64_t now = now_ns(), due = 0, first = issued;
  while (issued < total && (due = due_of_request(issued)) <= now) {
    uint32_t group = (uint32_t)(issued % group_count);
    if (due >= counted_from_ns) record(&lateness, now - due);
    queue_request(owners[group], group, due);
  }
  if (first != issued)
    for (uint32_t group = 0; group < group_count; group++) flush_segments(owners[group]->c);
  return issued < total ? due : 0;
}

void stop_producers(void) { total = issued; }

int producers_are_done(void) {
  return is_open_loop() ? answered == total : running == 0;
}

void report_producers(void) {
  printf("\"bytes\":%llu,\"requests\":%llu,\"commits\":%llu", (unsigned long long)answered_bytes,
         (unsigned long long)answered, (unsigned long long)commits);
  print_histogram("produce", &latencies);
  print_histogram("commit", &commit_latencies);
  print_histogram("lateness", &lateness);
}
