/*
 * Room for descriptors, made before it is needed. Linux alone has it.
 *
 * The kernel's table of a process's descriptors doubles when it is full, and whoever asks for the
 * one that is too many waits until all processors have seen that: 10 to 60 ms each time, of the
 * event loop where it accepts connections. A thread does it once; it ends behind that.
 */
#define EXPORT __attribute__((visibility("default")))

#ifdef __linux__
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "detached-thread.h"

enum { STACK_SIZE = 64 << 10 };

static void *run(void *last) {
  int any = eventfd(0, EFD_CLOEXEC);
  int copy = any < 0 ? -1 : fcntl(any, F_DUPFD_CLOEXEC, (int)(intptr_t)last);
  if (copy >= 0) close(copy);
  if (any >= 0) close(any);
  return 0;
}

/* Up to `last`, which the process must be allowed to have. 0 when a thread has begun to. */
EXPORT int bunka_reserve_descriptors(int last) {
  return start_detached(run, (void *)(intptr_t)last, STACK_SIZE);
}

#else
EXPORT int bunka_reserve_descriptors(int last) { return 1; }
#endif
