/*
 * A near-free Kafka client for benchmarks: one thread, one epoll, batches that were made before, so
 * that what is measured is the broker and not the client.
 *
 *   load port=9092 topic=t partitions=8 batches=FILE connections=4 window=8 bytes=600000000
 *   load port=9092 topic=t partitions=8 batches=FILE connections=4 rate=20000000 seconds=5 consumers=1
 *   load port=9092 topic=t partitions=8 batches=FILE readers=4 read_bytes=3000000000
 *
 * options.c lists all options. Prints one line of JSON: bytes, requests, seconds, its own CPU time,
 * and the spread of latencies. SIGTERM ends an open loop before its time. A refusal by the broker ends it with exit code 1.
 */
#include "load.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

batch_t *batches;
int batch_count;

/* The file: for each batch its size and its count of records, four bytes each, and its bytes. */
static void read_batches(void) {
  FILE *file = fopen(options.batches, "rb");
  if (file == NULL) fail(options.batches);
  byte head[8];
  while (fread(head, 1, 8, file) == 8) {
    batches = realloc(batches, (size_t)(batch_count + 1) * sizeof *batches);
    batch_t *batch = &batches[batch_count++];
    batch->size = (uint32_t)get32(head);
    batch->records = (uint32_t)get32(head + 4);
    batch->bytes = malloc(batch->size);
    if (fread(batch->bytes, 1, batch->size, file) != batch->size) fail("batches");
  }
  fclose(file);
  if (batch_count == 0) fail("no batches");
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static volatile sig_atomic_t is_stopped;
static void stop(int signal) { is_stopped = signal; }

int main(int argc, char **argv) {
  read_options(argc, argv);
  if (options.port == 0 || options.batches == NULL) {
    fprintf(stderr, "usage: see the head of load.c\n");
    return 2;
  }
  signal(SIGTERM, stop);
  /* Nobody waits for its line when whoever started it is gone. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  read_batches();
  open_leaders();
  open_net();
  open_producers();
  open_consumers();
  double cpu_before = cpu_seconds();
  start_ns = now_ns();
  start_consumers();
  start_producers();
  /* Followers may wait a while longer for what is never going to come. */
  uint64_t end_ns = 0;
  for (;;) {
    if (is_stopped) stop_producers();
    wake_at(issue_due());
    int is_over = producers_are_done() && readers_are_done();
    if (is_over && end_ns == 0) end_ns = now_ns();
    if (is_over && consumers_are_done()) break;
    wait_for_events();
  }
  double seconds = (double)(end_ns - start_ns) / 1e9;
  printf("{");
  report_producers();
  report_consumers();
  printf(",\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", seconds, cpu_seconds() - cpu_before);
  return 0;
}
