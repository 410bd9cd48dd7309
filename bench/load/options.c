/* The command line: `name=value` each, all numbers but the texts. */
#include "load.h"

options_t options = {
    .host = "127.0.0.1", .partitions = 1, .window = 1,           .acks = 1,
    .spread = 1,         .topic = "load", .partition_bytes = 1 << 20,
};

static struct {
  const char *name;
  const char **text;
  uint64_t *number;
} const known[] = {
    {"host", &options.host, NULL},
    {"port", NULL, &options.port},
    {"topic", &options.topic, NULL},
    /* The port of each partition's leader, where not all are at `port`. */
    {"leaders", &options.leaders, NULL},
    {"partitions", NULL, &options.partitions},
    /* A file of batches, one for each partition in turn: size, record count, bytes. */
    {"batches", &options.batches, NULL},

    /* Connections that produce, and how many requests each keeps under way. */
    {"connections", NULL, &options.connections},
    {"window", NULL, &options.window},
    /* -1 is written as 65535. */
    {"acks", NULL, &options.acks},
    /* How many partitions a request carries a batch for. */
    {"spread", NULL, &options.spread},
    /* Closed loop: after so many bytes nothing more is sent. */
    {"bytes", NULL, &options.bytes},
    /* Open loop instead: bytes a second, for so long; the first are not counted. */
    {"rate", NULL, &options.rate},
    {"seconds", NULL, &options.seconds},
    {"skip_ms", NULL, &options.skip_ms},
    /* A file of "producerId producerEpoch [transactionalId]" lines, one for each connection. */
    {"producers", &options.producers, NULL},
    /* With transactional ids: batches between two commits. */
    {"transaction", NULL, &options.transaction},

    /* Connections that follow the end of all partitions in a fetch session. */
    {"consumers", NULL, &options.consumers},
    /* Connections that read from the start, over and over, or once. */
    {"readers", NULL, &options.readers},
    {"read_bytes", NULL, &options.read_bytes},
    {"once", NULL, &options.once},
    {"partition_bytes", NULL, &options.partition_bytes},
};

void read_options(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    size_t at = 0, count = sizeof known / sizeof *known;
    size_t size = equals == NULL ? 0 : (size_t)(equals - argv[i]);
    while (at < count && (strlen(known[at].name) != size || memcmp(known[at].name, argv[i], size)))
      at++;
    if (at == count) {
      fprintf(stderr, "load: what is %s?\n", argv[i]);
      exit(2);
    }
    if (known[at].text != NULL) *known[at].text = equals + 1;
    else *known[at].number = strtoull(equals + 1, NULL, 10);
  }
}
