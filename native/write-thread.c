/*
 * A thread that writes parts of files while the event loop goes on. What it is for, and how it is
 * used: src/base/real-write-thread.ts. Linux alone has it.
 *
 * The loop describes one job at a time in `words`, and leaves them alone until the job is done:
 *
 *   writes, then each: descriptor, position, parts, then each part: address, size      (doubles)
 *
 * In the place of a write's descriptor the thread leaves 0, or the errno that it failed with.
 *
 *   loop    words ... submitted++ ---> goes on ............. a byte on wake_fd: words are free
 *   thread  sleeps ......... wakes up, writes all, done++, wakes a loop that waits, one byte
 */
#define EXPORT __attribute__((visibility("default")))

#ifdef __linux__
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "detached-thread.h"

enum { PARTS_MAX = 1024, STACK_SIZE = 256 << 10 };

static double *words;
static int wake_fd;
/* Jobs handed over, and jobs done: equal, or the first is one ahead. Only the loop changes it. */
static uint32_t submitted, done;
/* Whether the thread, or the loop, is about to sleep until the other one's count moves. */
static uint32_t thread_sleeps, loop_waits;

static uint32_t load(uint32_t *count) { return __atomic_load_n(count, __ATOMIC_SEQ_CST); }
static void store(uint32_t *count, uint32_t value) {
  __atomic_store_n(count, value, __ATOMIC_SEQ_CST);
}

/* Sleeps unless `count` has moved on from `value`; says before that it does. */
static void sleep_while(uint32_t *count, uint32_t value, uint32_t *sleeps) {
  store(sleeps, 1);
  if (load(count) == value) syscall(SYS_futex, count, FUTEX_WAIT_PRIVATE, value, 0, 0, 0);
  store(sleeps, 0);
}

static void wake(uint32_t *count) { syscall(SYS_futex, count, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0); }

/* All of the parts; the system may take them in several pieces. */
static int write_all(int descriptor, off_t position, struct iovec *parts, int count) {
  while (count > 0) {
    ssize_t written = pwritev(descriptor, parts, count, position);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    /* A disk that takes nothing and does not say why. */
    if (written == 0) return EIO;
    position += written;
    size_t left = (size_t)written;
    for (; count > 0 && left >= parts->iov_len; parts++, count--) left -= parts->iov_len;
    if (count > 0) {
      parts->iov_base = (char *)parts->iov_base + left;
      parts->iov_len -= left;
    }
  }
  return 0;
}

static void do_job(void) {
  struct iovec parts[PARTS_MAX];
  double *word = words;
  for (int writes = (int)*word++; writes > 0; writes--) {
    double *result = word;
    int count = (int)word[2];
    off_t position = (off_t)word[1];
    word += 3;
    for (int at = 0; at < count; at++, word += 2) {
      parts[at].iov_base = (void *)(uintptr_t)word[0];
      parts[at].iov_len = (size_t)word[1];
    }
    *result = write_all((int)*result, position, parts, count);
  }
}

static void *run(void *nothing) {
  for (uint32_t job = 0;; job++) {
    while (load(&submitted) == job) sleep_while(&submitted, job, &thread_sleeps);
    do_job();
    store(&done, job + 1);
    if (load(&loop_waits)) wake(&done);
    char byte = 0;
    while (write(wake_fd, &byte, 1) < 0 && errno == EINTR) continue;
  }
  return nothing;
}

/* Once a process. 0 when the thread runs. */
EXPORT int bunka_write_thread_start(double *job_words, int wake_descriptor) {
  words = job_words;
  wake_fd = wake_descriptor;
  return start_detached(run, 0, STACK_SIZE);
}

/* Hands over the job that `words` describe; the last one is done. */
EXPORT void bunka_write_thread_submit(void) {
  store(&submitted, load(&submitted) + 1);
  if (load(&thread_sleeps)) wake(&submitted);
}

EXPORT int bunka_write_thread_is_done(void) { return load(&done) == load(&submitted); }

/* Until it is. */
EXPORT void bunka_write_thread_wait(void) {
  for (uint32_t now; (now = load(&done)) != load(&submitted);) sleep_while(&done, now, &loop_waits);
}

#else
EXPORT int bunka_write_thread_start(double *job_words, int wake_descriptor) { return 1; }
EXPORT void bunka_write_thread_submit(void) {}
EXPORT int bunka_write_thread_is_done(void) { return 1; }
EXPORT void bunka_write_thread_wait(void) {}
#endif
