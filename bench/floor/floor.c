/*
 * What the kernel and the checksum cost, below which no broker gets: one thread that receives
 * Produce v7 requests, checks the CRC of each batch, writes it into reserved space and answers.
 * No topics, no offsets beyond a position, no state, nothing to recover.
 *
 *   floor DIRECTORY      prints the port that it listens at, on a free one; ends by a signal
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef unsigned char byte;
enum { PARTITIONS_MAX = 1024, READ_SIZE = 256 << 10, RESERVED = 64 << 20 };

typedef struct {
  int fd;
  byte *in, *out;
  size_t in_size, in_room, out_size, out_room;
} connection_t;

typedef struct {
  int fd;
  off_t position, reserved;
  int64_t next_offset;
} partition_t;

static partition_t partitions[PARTITIONS_MAX];
static const char *directory;
static int epoll;

uint32_t bunka_crc32c(const byte *bytes, uint32_t offset, uint32_t size, uint32_t seed);
int bunka_crc32c_present(void);

static void fail(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void refuse(const char *what) {
  fprintf(stderr, "floor: %s\n", what);
  exit(1);
}

static byte *put16(byte *p, int v) { p[0] = (byte)(v >> 8); p[1] = (byte)v; return p + 2; }
static byte *put32(byte *p, int64_t v) { return put16(put16(p, (int)(v >> 16)), (int)v); }
static byte *put64(byte *p, int64_t v) { return put32(put32(p, v >> 32), v); }
static int get16(const byte *p) { return (int16_t)(p[0] << 8 | p[1]); }
static uint32_t get32(const byte *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void reserve(byte **bytes, size_t *room, size_t size) {
  if (size <= *room) return;
  *room = 2 * size;
  *bytes = realloc(*bytes, *room);
  if (*bytes == NULL) fail("realloc");
}

static partition_t *partition_of(uint32_t index) {
  if (index >= PARTITIONS_MAX) refuse("too many partitions");
  partition_t *p = &partitions[index];
  if (p->fd == 0) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%u.log", directory, index);
    p->fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0644);
    if (p->fd < 0) fail(path);
  }
  return p;
}

/* Gives the offset of its first record. */
static int64_t append(partition_t *p, const byte *batch, size_t size) {
  if (size < 61 || bunka_crc32c(batch, 21, (uint32_t)size - 21, 0) != get32(batch + 17))
    refuse("a batch is damaged");
  if (p->position + (off_t)size > p->reserved) {
    if (fallocate(p->fd, 0, p->reserved, RESERVED) != 0) fail("fallocate");
    p->reserved += RESERVED;
  }
  if (pwrite(p->fd, batch, size, p->position) != (ssize_t)size) fail("write");
  p->position += (off_t)size;
  int64_t offset = p->next_offset;
  p->next_offset += (int64_t)get32(batch + 23) + 1;
  return offset;
}

static void answer(connection_t *c, const byte *frame) {
  if (get16(frame + 4) != 0 || get16(frame + 6) != 7) refuse("only Produce v7 is answered");
  const byte *at = frame + 12;
  at += 2 + (get16(at) < 0 ? 0 : get16(at)); /* client id */
  at += 2;                                   /* no transactional id */
  at += 2 + 4 + 4;                           /* acks, timeout, one topic */
  int name_size = get16(at);
  const byte *name = at;
  at += 2 + name_size;
  uint32_t count = get32(at);
  at += 4;
  reserve(&c->out, &c->out_room, c->out_size + 64 + (size_t)name_size + (size_t)count * 30);
  byte *start = c->out + c->out_size, *out = put32(start + 4, get32(frame + 8));
  out = put32(out, 1);
  memcpy(out, name, 2 + (size_t)name_size);
  out = put32(out + 2 + name_size, count);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t index = get32(at), size = get32(at + 4);
    out = put16(put32(out, index), 0);
    out = put64(out, append(partition_of(index), at + 8, size));
    out = put64(put64(out, -1), 0);
    at += 8 + size;
  }
  out = put32(out, 0);
  put32(start, out - start - 4);
  c->out_size += (size_t)(out - start);
}

static void close_connection(connection_t *c) {
  close(c->fd);
  free(c->in);
  free(c->out);
  free(c);
}

static void receive(connection_t *c) {
  reserve(&c->in, &c->in_room, c->in_size + READ_SIZE);
  ssize_t n = recv(c->fd, c->in + c->in_size, c->in_room - c->in_size, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    close_connection(c);
    return;
  }
  c->in_size += (size_t)n;
  size_t at = 0;
  while (c->in_size - at >= 4) {
    size_t whole = 4 + (size_t)get32(c->in + at);
    if (c->in_size - at < whole) break;
    answer(c, c->in + at);
    at += whole;
  }
  memmove(c->in, c->in + at, c->in_size - at);
  c->in_size -= at;
  /* Answers are small: a client that reads them has room for them. */
  if (c->out_size > 0 && send(c->fd, c->out, c->out_size, MSG_NOSIGNAL) != (ssize_t)c->out_size)
    refuse("an answer was not taken");
  c->out_size = 0;
}

int main(int argc, char **argv) {
  if (argc != 2) refuse("usage: floor DIRECTORY");
  if (!bunka_crc32c_present()) refuse("this processor has no instruction for CRC-32C");
  /* Nobody needs it when whoever started it is gone. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  directory = argv[1];
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 4096) != 0)
    fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  epoll = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
  for (;;) {
    int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr != NULL) {
        receive(events[i].data.ptr);
        continue;
      }
      for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        connection_t *c = calloc(1, sizeof *c);
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        e = (struct epoll_event){.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
      }
    }
  }
}
