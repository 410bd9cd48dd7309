/*
 * How a thread of ours begins in Bun's process: nobody waits for its end, and signals are for the
 * threads of Bun (SIGPIPE, of sendfile, is for nobody).
 */
#ifndef BUNKA_DETACHED_THREAD_H
#define BUNKA_DETACHED_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/* 0, or the errno that there is none for. */
static int start_detached(void *(*run)(void *), void *argument, size_t stack_size) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_size);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int failed = pthread_create(&thread, &attributes, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, 0);
  pthread_attr_destroy(&attributes);
  return failed;
}

#endif
