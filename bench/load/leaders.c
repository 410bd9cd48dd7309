/*
 * Which broker leads which partition. A connection speaks to one broker, the connections in turn to
 * the first, the second, ...; it produces to and reads from the partitions of its broker.
 *
 *   leaders=9092,9093,9092,9093    partitions 0 and 2 at the first broker, 1 and 3 at the second
 */
#include "load.h"

static uint32_t *broker_of_partition;
static uint16_t *ports;
uint32_t broker_count;

static uint32_t broker_at(uint16_t port) {
  for (uint32_t i = 0; i < broker_count; i++)
    if (ports[i] == port) return i;
  ports[broker_count] = port;
  return broker_count++;
}

void open_leaders(void) {
  broker_of_partition = calloc(options.partitions, sizeof *broker_of_partition);
  ports = calloc(options.partitions, sizeof *ports);
  const char *at = options.leaders;
  for (uint64_t i = 0; i < options.partitions; i++) {
    uint64_t port = options.port;
    if (at != NULL) {
      char *end;
      port = strtoull(at, &end, 10);
      if (end == at) fail("a leader for each partition");
      at = *end == ',' ? end + 1 : end;
    }
    broker_of_partition[i] = broker_at((uint16_t)port);
  }
}

uint16_t port_of_broker(uint32_t broker) { return ports[broker]; }

uint32_t leader_of(int partition) { return broker_of_partition[partition]; }

/* Every broker needs one at least. */
uint64_t connections_for(uint64_t wanted) {
  return wanted > 0 && wanted < broker_count ? broker_count : wanted;
}
