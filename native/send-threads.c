/*
 * Threads that send answers to sockets while the event loop goes on. What they are for, and how
 * they are used: src/base/real-send-threads.ts. Linux alone has them.
 *
 * The loop describes a job in a slot of `words`, and leaves the slot alone until the job is done:
 *
 *   pieces, then each: descriptor of a file, or -1; position, or address; size          (doubles)
 *
 * One epoll is the queue of all threads. A socket that has room, or is gone, comes out of it at one
 * of them (EPOLLONESHOT), which sends until the job is done or the socket full, and puts it back.
 *
 *   loop     submit ---> epoll <------------------.        take_done <--- a byte on wake_fd
 *   threads                '--> send, sendfile ---'--- done ---> ring ---------^
 *
 * There may be more threads or fewer from now on: whoever takes one off the count of `leave_fd`,
 * which is in the epoll too, ends.
 *
 * What must come from the disk has an epoll and threads of its own, which wait for the disk while
 * the others send. They are behind all others for a processor: who is far behind can wait.
 *
 * A job has a descriptor of its own for the socket: whoever closes the other one cannot give its
 * number to somebody else meanwhile. It is closed when the loop gives the slot back.
 */
#define EXPORT __attribute__((visibility("default")))

#ifdef __linux__
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "detached-thread.h"

typedef unsigned char byte;

enum {
  JOBS_MAX = 256, PIECE_WORDS = 3, STACK_SIZE = 128 << 10,
  /* Smaller pieces of files are read, and sent together: as BIG_SLICE_SIZE. */
  SENDFILE_FROM = 48 << 10, GATHERED_MAX = 256 << 10,
  /* So many pieces: one behind its header has MSG_MORE. */
  CORKED_FROM = 3,
  /* Then other sockets have their turn. */
  VISIT_MAX = 4 << 20,
  COLD_THREADS = 2, COLD_NICE = 5
};

typedef struct {
  int socket, queue;
  uint32_t is_done;
  /* Of all pieces; the loop may look at it while the job is under way. */
  uint64_t sent;
  /* The piece under way, and what of it is sent. */
  uint32_t piece;
  uint64_t at;
} job_t;

typedef enum { DONE, FULL, FAILED } outcome_t;

static job_t jobs[JOBS_MAX];
static double *words;
static uint32_t slot_words;
static int warm_queue, cold_queue = -1, wake_fd, leave_fd;
/* Those that are to end not counted; only the loop changes it. */
static int running;

/* Slots whose jobs are done. The loop is woken when there was none. */
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t ring[JOBS_MAX], ring_head, ring_tail;

static void put_done(uint32_t slot) {
  __atomic_store_n(&jobs[slot].is_done, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_lock(&ring_lock);
  int was_empty = ring_head == ring_tail;
  ring[ring_tail++ % JOBS_MAX] = slot;
  pthread_mutex_unlock(&ring_lock);
  char byte = 0;
  if (was_empty) while (write(wake_fd, &byte, 1) < 0 && errno == EINTR) continue;
}

static void advance(job_t *job, const double *pieces, size_t size) {
  __atomic_store_n(&job->sent, job->sent + size, __ATOMIC_RELAXED);
  job->at += size;
  for (;;) {
    uint64_t whole = (uint64_t)pieces[job->piece * PIECE_WORDS + 2];
    if (job->at < whole) return;
    job->at -= whole;
    job->piece++;
    if (job->at == 0) return;
  }
}

/* From the piece under way on: bytes and small pieces of files, by one send. */
static ssize_t send_gathered(const job_t *job, const double *pieces, uint32_t count, byte *buffer) {
  size_t gathered = 0;
  uint32_t piece = job->piece;
  uint64_t at = job->at;
  for (; piece < count && gathered < GATHERED_MAX; piece++, at = 0) {
    const double *p = pieces + piece * PIECE_WORDS;
    size_t left = (size_t)p[2] - at, room = GATHERED_MAX - gathered;
    if (p[0] >= 0 && left >= SENDFILE_FROM) break;
    size_t size = left < room ? left : room;
    if (p[0] < 0) {
      memcpy(buffer + gathered, (const byte *)(uintptr_t)p[1] + at, size);
      gathered += size;
    } else {
      ssize_t read = pread((int)p[0], buffer + gathered, size, (off_t)p[1] + (off_t)at);
      if (read <= 0 && gathered == 0) return read;
      if (read > 0) gathered += (size_t)read;
      if (read < (ssize_t)size) break;
    }
    if (size < left) break;
  }
  int more = piece < count ? MSG_MORE : 0;
  return send(job->socket, buffer, gathered, MSG_DONTWAIT | MSG_NOSIGNAL | more);
}

/* Pieces leave in whole segments, and so wake the reader less often than each would. */
static void cork(const job_t *job, int is_on) {
  setsockopt(job->socket, IPPROTO_TCP, TCP_CORK, &is_on, sizeof is_on);
}

static outcome_t send_pieces(job_t *job, const double *pieces, uint32_t count, byte *buffer) {
  uint64_t from = job->sent;
  while (job->piece < count) {
    if (job->sent - from >= VISIT_MAX) return FULL;
    const double *p = pieces + job->piece * PIECE_WORDS;
    size_t left = (size_t)p[2] - job->at;
    ssize_t sent;
    if (p[0] >= 0 && left >= SENDFILE_FROM) {
      off_t position = (off_t)p[1] + (off_t)job->at;
      sent = sendfile(job->socket, (int)p[0], &position, left);
    } else if (p[0] < 0 && left >= GATHERED_MAX) {
      const byte *bytes = (const byte *)(uintptr_t)p[1] + job->at;
      sent = send(job->socket, bytes, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
      sent = send_gathered(job, pieces, count, buffer);
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return FULL;
    /* The loop goes on from here, and meets what is wrong. */
    if (sent <= 0) return FAILED;
    advance(job, pieces, (size_t)sent);
  }
  return DONE;
}

static outcome_t send_job(uint32_t slot, byte *buffer) {
  job_t *job = &jobs[slot];
  const double *pieces = words + (size_t)slot * slot_words;
  uint32_t count = (uint32_t)*pieces;
  int is_corked = count >= CORKED_FROM;
  if (is_corked) cork(job, 1);
  outcome_t outcome = send_pieces(job, pieces + 1, count, buffer);
  if (is_corked && outcome != FULL) cork(job, 0);
  return outcome;
}

static int watch(int operation, uint32_t slot) {
  struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.u32 = slot};
  return epoll_ctl(jobs[slot].queue, operation, jobs[slot].socket, &event);
}

static void run(int queue, byte *buffer) {
  for (;;) {
    struct epoll_event event;
    if (epoll_wait(queue, &event, 1, -1) != 1) continue;
    uint32_t slot = event.data.u32;
    uint64_t one;
    if (slot == JOBS_MAX) {
      if (read(leave_fd, &one, sizeof one) == sizeof one) break;
      continue;
    }
    if (send_job(slot, buffer) == FULL && watch(EPOLL_CTL_MOD, slot) == 0) continue;
    put_done(slot);
  }
}

static void *run_warm(void *buffer) {
  run(warm_queue, buffer);
  free(buffer);
  return 0;
}

static void *run_cold(void *buffer) {
  /* Of this thread alone, in Linux. */
  id_t own = (id_t)syscall(SYS_gettid);
  setpriority(PRIO_PROCESS, own, getpriority(PRIO_PROCESS, own) + COLD_NICE);
  run(cold_queue, buffer);
  free(buffer);
  return 0;
}

static int start_thread(void *(*run)(void *)) {
  byte *buffer = malloc(GATHERED_MAX);
  int failed = buffer == NULL ? ENOMEM : start_detached(run, buffer, STACK_SIZE);
  if (failed) free(buffer);
  return failed;
}

/* How many run from now on: fewer than asked for where the system has no more. */
EXPORT int bunka_send_threads_resize(int threads) {
  uint64_t leaving = (uint64_t)(running > threads ? running - threads : 0);
  if (leaving > 0 && write(leave_fd, &leaving, sizeof leaving) == sizeof leaving)
    running -= (int)leaving;
  while (running < threads && start_thread(run_warm) == 0) running++;
  return running;
}

/* Once a process. How many threads run. */
EXPORT int bunka_send_threads_start(double *job_words, int words_a_job, int wake, int threads) {
  words = job_words;
  slot_words = (uint32_t)words_a_job;
  wake_fd = wake;
  warm_queue = epoll_create1(EPOLL_CLOEXEC);
  leave_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
  struct epoll_event leave = {.events = EPOLLIN, .data.u32 = JOBS_MAX};
  if (warm_queue < 0 || leave_fd < 0) return 0;
  if (epoll_ctl(warm_queue, EPOLL_CTL_ADD, leave_fd, &leave) != 0) return 0;
  return bunka_send_threads_resize(threads);
}

/* Threads that wait for the disk: from the first job on that needs them. */
static int has_cold_threads(void) {
  if (cold_queue >= 0) return 1;
  int made = epoll_create1(EPOLL_CLOEXEC);
  if (made < 0) return 0;
  cold_queue = made;
  int started = 0;
  while (started < COLD_THREADS && start_thread(run_cold) == 0) started++;
  if (started > 0) return 1;
  close(made);
  cold_queue = -1;
  return 0;
}

/* Hands over the job in a slot; not 0 where that cannot be. */
EXPORT int bunka_send_submit(int slot, int socket, int is_cold) {
  if (is_cold && !has_cold_threads()) return EAGAIN;
  int own = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return errno;
  jobs[slot] = (job_t){.socket = own, .queue = is_cold ? cold_queue : warm_queue};
  if (watch(EPOLL_CTL_ADD, (uint32_t)slot) == 0) return 0;
  int failed = errno;
  close(own);
  return failed;
}

EXPORT int bunka_send_is_done(int slot) {
  return (int)__atomic_load_n(&jobs[slot].is_done, __ATOMIC_SEQ_CST);
}

/* Bytes. */
EXPORT double bunka_send_sent(int slot) {
  return (double)__atomic_load_n(&jobs[slot].sent, __ATOMIC_RELAXED);
}

/* Nothing is sent of the job from now on, and it is done soon. */
EXPORT void bunka_send_cancel(int slot) { shutdown(jobs[slot].socket, SHUT_WR); }

/* A slot whose job is done, or -1: once each. The slot may be used again. */
EXPORT int bunka_send_take_done(void) {
  pthread_mutex_lock(&ring_lock);
  int slot = ring_head == ring_tail ? -1 : (int)ring[ring_head++ % JOBS_MAX];
  pthread_mutex_unlock(&ring_lock);
  if (slot < 0) return slot;
  /* To close it takes it out of no epoll: the socket has another descriptor. */
  epoll_ctl(jobs[slot].queue, EPOLL_CTL_DEL, jobs[slot].socket, NULL);
  close(jobs[slot].socket);
  return slot;
}

#else
EXPORT int bunka_send_threads_start(double *words, int size, int wake, int threads) { return 0; }
EXPORT int bunka_send_threads_resize(int threads) { return 0; }
EXPORT int bunka_send_submit(int slot, int socket, int is_cold) { return 1; }
EXPORT int bunka_send_is_done(int slot) { return 1; }
EXPORT double bunka_send_sent(int slot) { return 0; }
EXPORT void bunka_send_cancel(int slot) {}
EXPORT int bunka_send_take_done(void) { return -1; }
#endif
