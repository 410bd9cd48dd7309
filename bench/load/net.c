/*
 * Sockets, one epoll, one timer. Nothing is copied that need not be: what is sent lies where it was
 * encoded, and bytes that nobody looks at are thrown away within the kernel.
 */
#include "load.h"
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* At a socket call a byte costs less to copy than to throw away, below this. */
enum { DISCARD_FROM = 32 << 10, READ_SIZE_MAX = 256 << 10, TIMEOUT_MS = 60000 };

uint64_t start_ns;
static int epoll, timer;
static uint64_t armed_ns;
static byte shared[READ_SIZE_MAX];
static struct sockaddr_storage address;
static socklen_t address_size;

uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

void refuse(const char *what, int error_code) {
  fprintf(stderr, "load: %s: error code %d\n", what, error_code);
  exit(1);
}

void open_net(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  char port[16];
  snprintf(port, sizeof port, "%d", (int)options.port);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  if (getaddrinfo(options.host, port, &hints, &found) != 0) fail("no such host");
  /* A name may have addresses of both families, and the broker listen at one. */
  for (struct addrinfo *each = found; each != NULL && address_size == 0; each = each->ai_next) {
    int fd = socket(each->ai_family, SOCK_STREAM, 0);
    if (connect(fd, each->ai_addr, each->ai_addrlen) == 0) {
      memcpy(&address, each->ai_addr, each->ai_addrlen);
      address_size = each->ai_addrlen;
    }
    close(fd);
  }
  freeaddrinfo(found);
  if (address_size == 0) fail("connect");
  epoll = epoll_create1(0);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e);
}

connection_t *open_connection(int index, uint32_t broker, on_input input) {
  connection_t *c = calloc(1, sizeof *c);
  c->index = index;
  c->input = input;
  c->read_size = READ_SIZE_MAX;
  struct sockaddr_storage to = address;
  /* The port lies at the same place in addresses of both families. */
  ((struct sockaddr_in *)&to)->sin_port = htons(port_of_broker(broker));
  c->fd = socket(address.ss_family, SOCK_STREAM, 0);
  if (c->fd < 0) fail("socket");
  if (connect(c->fd, (struct sockaddr *)&to, address_size) != 0) fail("connect");
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
  return c;
}

void queue_segment(connection_t *c, const byte *bytes, size_t size) {
  if (c->segment_tail - c->segment_head == c->segment_room) {
    size_t room = c->segment_room == 0 ? 16 : c->segment_room * 2;
    segment_t *segments = calloc(room, sizeof *segments);
    for (size_t i = c->segment_head; i != c->segment_tail; i++)
      segments[i & (room - 1)] = c->segments[i & (c->segment_room - 1)];
    free(c->segments);
    c->segments = segments;
    c->segment_room = room;
  }
  c->segments[c->segment_tail++ & (c->segment_room - 1)] = (segment_t){bytes, size};
}

static void wait_to_write(connection_t *c, int waits) {
  if (c->waits_to_write == waits) return;
  c->waits_to_write = (byte)waits;
  struct epoll_event e = {.events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
}

void flush_segments(connection_t *c) {
  enum { PIECES = 64 };
  struct iovec pieces[PIECES];
  while (c->segment_head != c->segment_tail) {
    size_t count = 0, wanted = 0;
    for (size_t i = c->segment_head; i != c->segment_tail && count < PIECES; i++, count++) {
      segment_t *s = &c->segments[i & (c->segment_room - 1)];
      size_t from = count == 0 ? c->sent : 0;
      pieces[count] = (struct iovec){(void *)(s->bytes + from), s->size - from};
      wanted += s->size - from;
    }
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) fail("send");
    size_t left = (size_t)sent;
    while (left > 0) {
      size_t rest = c->segments[c->segment_head & (c->segment_room - 1)].size - c->sent;
      if (left < rest) {
        c->sent += left;
        break;
      }
      left -= rest;
      c->sent = 0;
      c->segment_head++;
    }
    if ((size_t)sent < wanted) break;
  }
  wait_to_write(c, c->segment_head != c->segment_tail);
}

static void receive(connection_t *c) {
  for (;;) {
    int is_discarded = c->discard >= DISCARD_FROM;
    size_t size = is_discarded ? c->discard : c->read_size;
    ssize_t n = recv(c->fd, is_discarded ? NULL : shared, size, is_discarded ? MSG_TRUNC : 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n == 0) errno = ECONNRESET;
    if (n <= 0) fail("receive");
    c->input(c, is_discarded ? NULL : shared, (size_t)n);
    /* Less than was asked for: there is no more, and no call is needed to learn it. */
    if ((size_t)n < size) return;
  }
}

void wake_at(uint64_t ns) {
  if (ns == armed_ns) return;
  armed_ns = ns;
  struct itimerspec t = {.it_value = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, NULL);
}

void wait_for_events(void) {
  struct epoll_event events[256];
  int count = epoll_wait(epoll, events, 256, TIMEOUT_MS);
  if (count < 0 && errno == EINTR) return;
  if (count == 0) errno = ETIMEDOUT, fail("no answer");
  for (int i = 0; i < count; i++) {
    connection_t *c = events[i].data.ptr;
    if (c == NULL) {
      uint64_t expirations;
      armed_ns = 0;
      if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("timer");
      continue;
    }
    if (events[i].events & EPOLLOUT) flush_segments(c);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
  }
}
