/*
 * A near-free Kafka client for benchmarks: one thread, epoll, pre-encoded Produce v7 and Fetch v11
 * frames, so that what is measured is the broker and not the client.
 *
 *   load produce PORT TOPIC PARTITIONS CONNECTIONS WINDOW RECORD_BYTES BATCH_BYTES TOTAL_BYTES ACKS
 *   load fetch   PORT TOPIC PARTITIONS CONNECTIONS PARTITION_BYTES_MAX TOTAL_BYTES
 *
 * Produce keeps WINDOW requests in flight on every connection, one batch each, over the partitions
 * in turn. Fetch asks for all partitions in each request and starts again at offset 0 at the end.
 * Prints one line of JSON: {"bytes", "requests", "seconds", "p50Us", "p99Us", "p999Us", "maxUs"}.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 8192, PARTITIONS_MAX = 1024, WINDOW_MAX = 64 };

typedef struct {
  int fd;
  uint8_t *out;         /* frames waiting to be sent */
  size_t out_size, out_sent, out_room;
  uint8_t *in;          /* bytes of the answer under way */
  size_t in_size, in_room;
  uint64_t sent_at[WINDOW_MAX];
  uint32_t sent_head, sent_tail;
  int partition;        /* next to produce to */
  int64_t offset[PARTITIONS_MAX];
} connection;

static const char *topic;
static int partitions, connections, window, acks;
static size_t record_bytes, batch_bytes, partition_bytes_max;
static uint64_t total_bytes, issued_bytes, done_bytes, requests;
static uint8_t *frames[PARTITIONS_MAX];
static size_t frame_size, batch_size;
static int is_fetch;
static uint32_t *latencies;
static size_t latency_count, latency_room;
static int epoll;

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t crc32c(const uint8_t *p, size_t n) {
  static uint32_t table[256];
  if (table[1] == 0)
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = i;
      for (int k = 0; k < 8; k++) c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
      table[i] = c;
    }
  uint32_t c = 0xffffffffu;
  for (size_t i = 0; i < n; i++) c = table[(c ^ p[i]) & 255] ^ (c >> 8);
  return ~c;
}

static uint8_t *put8(uint8_t *p, int v) { *p = (uint8_t)v; return p + 1; }
static uint8_t *put16(uint8_t *p, int v) { p = put8(p, v >> 8); return put8(p, v); }
static uint8_t *put32(uint8_t *p, int64_t v) { p = put16(p, (int)(v >> 16)); return put16(p, (int)v); }
static uint8_t *put64(uint8_t *p, int64_t v) { p = put32(p, v >> 32); return put32(p, v); }
static uint8_t *put_text(uint8_t *p, const char *s) {
  size_t n = strlen(s);
  p = put16(p, (int)n);
  memcpy(p, s, n);
  return p + n;
}
static uint8_t *put_varint(uint8_t *p, int64_t v) {
  uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
  while (z >= 128) { *p++ = (uint8_t)(z | 128); z >>= 7; }
  *p++ = (uint8_t)z;
  return p;
}
static int64_t get64(const uint8_t *p) {
  int64_t v = 0;
  for (int i = 0; i < 8; i++) v = (v << 8) | p[i];
  return v;
}
static int32_t get32(const uint8_t *p) {
  return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}
static int get16(const uint8_t *p) { return (int16_t)(p[0] << 8 | p[1]); }

/* A batch of records of incompressible bytes, as a producer sends it. */
static size_t write_batch(uint8_t *at) {
  uint8_t *p = at + 61;
  int count = 0;
  size_t overhead = 10;
  do {
    uint8_t body[16], *b = body;
    b = put8(b, 0);
    b = put_varint(b, 0);
    b = put_varint(b, count);
    b = put_varint(b, -1);
    b = put_varint(b, (int64_t)record_bytes);
    p = put_varint(p, (b - body) + (int64_t)record_bytes + 1);
    memcpy(p, body, (size_t)(b - body));
    p += b - body;
    for (size_t i = 0; i < record_bytes; i++) *p++ = (uint8_t)rand();
    p = put_varint(p, 0);
    count++;
  } while ((size_t)(p - at) + record_bytes + overhead <= batch_bytes);
  size_t size = (size_t)(p - at);
  uint8_t *h = put64(at, 0);
  h = put32(h, (int64_t)size - 12);
  h = put32(h, -1);
  h = put8(h, 2);
  uint8_t *crc = h;
  h = put32(h, 0);
  h = put16(h, 0);
  h = put32(h, count - 1);
  int64_t ms = (int64_t)time(NULL) * 1000;
  h = put64(h, ms);
  h = put64(h, ms);
  h = put64(h, -1);
  h = put16(h, -1);
  h = put32(h, -1);
  put32(h, count);
  put32(crc, crc32c(crc + 4, size - 21));
  return size;
}

static void make_produce_frames(void) {
  for (int i = 0; i < partitions; i++) {
    uint8_t *frame = malloc(batch_bytes + record_bytes + 1024), *p = frame + 4;
    p = put16(p, 0);
    p = put16(p, 7);
    p = put32(p, 0);
    p = put_text(p, "load");
    p = put16(p, -1);
    p = put16(p, acks);
    p = put32(p, 30000);
    p = put32(p, 1);
    p = put_text(p, topic);
    p = put32(p, 1);
    p = put32(p, i);
    uint8_t *records = p;
    batch_size = write_batch(p + 4);
    put32(records, (int64_t)batch_size);
    frame_size = (size_t)(records + 4 + batch_size - frame);
    put32(frame, (int64_t)frame_size - 4);
    frames[i] = frame;
  }
}

static void reserve(uint8_t **bytes, size_t *room, size_t need) {
  if (need <= *room) return;
  *room = need * 2;
  *bytes = realloc(*bytes, *room);
  if (*bytes == NULL) fail("realloc");
}

static void send_out(connection *c) {
  while (c->out_sent < c->out_size) {
    ssize_t n = send(c->fd, c->out + c->out_sent, c->out_size - c->out_sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n <= 0) fail("send");
    c->out_sent += (size_t)n;
  }
  int is_done = c->out_sent == c->out_size;
  if (is_done) c->out_size = c->out_sent = 0;
  struct epoll_event e = {.events = EPOLLIN | (is_done ? 0 : EPOLLOUT), .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static void mark_sent(connection *c) { c->sent_at[c->sent_tail++ % WINDOW_MAX] = now_ns(); }

static void queue_produce(connection *c) {
  reserve(&c->out, &c->out_room, c->out_size + frame_size);
  memcpy(c->out + c->out_size, frames[c->partition], frame_size);
  c->out_size += frame_size;
  c->partition = (c->partition + 1) % partitions;
  issued_bytes += batch_size;
  mark_sent(c);
}

static void queue_fetch(connection *c) {
  reserve(&c->out, &c->out_room, c->out_size + 256 + (size_t)partitions * 32);
  uint8_t *frame = c->out + c->out_size, *p = frame + 4;
  p = put16(p, 1);
  p = put16(p, 11);
  p = put32(p, 0);
  p = put_text(p, "load");
  p = put32(p, -1);
  p = put32(p, 500);
  p = put32(p, 1);
  p = put32(p, 0x7fffffff);
  p = put8(p, 0);
  p = put32(p, 0);
  p = put32(p, -1);
  p = put32(p, 1);
  p = put_text(p, topic);
  p = put32(p, partitions);
  for (int i = 0; i < partitions; i++) {
    p = put32(p, i);
    p = put32(p, -1);
    p = put64(p, c->offset[i]);
    p = put64(p, -1);
    p = put32(p, (int64_t)partition_bytes_max);
  }
  p = put32(p, 0);
  p = put_text(p, "");
  put32(frame, p - frame - 4);
  c->out_size += (size_t)(p - frame);
  mark_sent(c);
}

static void record_latency(connection *c) {
  uint64_t us = (now_ns() - c->sent_at[c->sent_head++ % WINDOW_MAX]) / 1000;
  if (latency_count == latency_room) {
    latency_room = latency_room ? latency_room * 2 : 1 << 16;
    latencies = realloc(latencies, latency_room * sizeof *latencies);
  }
  latencies[latency_count++] = (uint32_t)us;
  requests++;
}

static void take_produce(connection *c, const uint8_t *body) {
  /* topics(1): name, partitions(1): index, error */
  const uint8_t *p = body + 4;
  p += 2 + get16(p) + 4 + 4;
  if (get16(p) != 0) {
    fprintf(stderr, "load: produce answered error %d\n", get16(p));
    exit(1);
  }
  done_bytes += batch_size;
  (void)c;
}

static void take_fetch(connection *c, const uint8_t *body) {
  const uint8_t *p = body + 4 + 2 + 4 + 4;
  p += 2 + get16(p);
  int count = get32(p);
  p += 4;
  for (int i = 0; i < count; i++) {
    int index = get32(p), error = get16(p + 4);
    int64_t high_watermark = get64(p + 6);
    p += 30;
    int aborted = get32(p);
    p += 4 + (aborted > 0 ? aborted * 16 : 0) + 4;
    int size = get32(p);
    p += 4;
    if (error != 0) {
      fprintf(stderr, "load: fetch answered error %d\n", error);
      exit(1);
    }
    if (size < 0) size = 0;
    const uint8_t *end = p + size;
    for (const uint8_t *b = p; b + 61 <= end;) {
      int64_t batch = 12 + (int64_t)get32(b + 8);
      if (b + batch > end) break;
      c->offset[index] = get64(b) + get32(b + 23) + 1;
      b += batch;
    }
    if (c->offset[index] >= high_watermark) c->offset[index] = 0;
    done_bytes += (uint64_t)size;
    p = end;
  }
}

static void receive(connection *c) {
  for (;;) {
    reserve(&c->in, &c->in_room, c->in_size + (1 << 18));
    ssize_t n = recv(c->fd, c->in + c->in_size, c->in_room - c->in_size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n <= 0) fail("recv");
    c->in_size += (size_t)n;
    size_t at = 0;
    int added = 0;
    while (c->in_size - at >= 4) {
      size_t size = 4 + (size_t)get32(c->in + at);
      if (c->in_size - at < size) {
        reserve(&c->in, &c->in_room, at + size);
        break;
      }
      record_latency(c);
      if (is_fetch) take_fetch(c, c->in + at + 8);
      else take_produce(c, c->in + at + 8);
      at += size;
      if (is_fetch ? done_bytes < total_bytes : issued_bytes < total_bytes) {
        if (is_fetch) queue_fetch(c);
        else queue_produce(c);
        added = 1;
      }
    }
    memmove(c->in, c->in + at, c->in_size - at);
    c->in_size -= at;
    if (added) send_out(c);
  }
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void open_connections(connection *all, int port) {
  epoll = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < connections; i++) {
    connection *c = &all[i];
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->partition = i % partitions;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
  }
}

int main(int argc, char **argv) {
  is_fetch = argc == 8 && strcmp(argv[1], "fetch") == 0;
  if (!is_fetch && !(argc == 11 && strcmp(argv[1], "produce") == 0)) {
    fprintf(stderr, "usage: see the head of load.c\n");
    return 2;
  }
  int port = atoi(argv[2]);
  topic = argv[3];
  partitions = atoi(argv[4]);
  connections = atoi(argv[5]);
  if (is_fetch) {
    window = 1;
    partition_bytes_max = strtoull(argv[6], NULL, 10);
    total_bytes = strtoull(argv[7], NULL, 10);
  } else {
    window = atoi(argv[6]);
    record_bytes = strtoull(argv[7], NULL, 10);
    batch_bytes = strtoull(argv[8], NULL, 10);
    total_bytes = strtoull(argv[9], NULL, 10);
    acks = atoi(argv[10]);
    make_produce_frames();
  }
  connection *all = calloc((size_t)connections, sizeof *all);
  open_connections(all, port);
  uint64_t start = now_ns();
  for (int i = 0; i < connections; i++) {
    for (int k = 0; k < window; k++)
      if (is_fetch) queue_fetch(&all[i]);
      else queue_produce(&all[i]);
    send_out(&all[i]);
  }
  struct epoll_event events[256];
  while (done_bytes < (is_fetch ? total_bytes : issued_bytes)) {
    int n = epoll_wait(epoll, events, 256, 30000);
    if (n == 0) { errno = ETIMEDOUT; fail("no answer for 30 s"); }
    for (int i = 0; i < n; i++) {
      connection *c = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) send_out(c);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
    }
  }
  double seconds = (double)(now_ns() - start) / 1e9;
  qsort(latencies, latency_count, sizeof *latencies, compare);
  size_t last = latency_count - 1;
  printf("{\"bytes\":%llu,\"requests\":%llu,\"seconds\":%.6f,\"p50Us\":%u,\"p99Us\":%u,"
         "\"p999Us\":%u,\"maxUs\":%u}\n",
         (unsigned long long)done_bytes, (unsigned long long)requests, seconds,
         latencies[last / 2], latencies[last - last / 100], latencies[last - last / 1000],
         latencies[last]);
  return 0;
}
