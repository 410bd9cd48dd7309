#include "load.h"

static unsigned bucket_of(uint64_t value) {
  if (value < (1u << STEPS_LOG2)) return (unsigned)value;
  unsigned shift = 63 - STEPS_LOG2 - (unsigned)__builtin_clzll(value);
  return ((shift + 1) << STEPS_LOG2) + (unsigned)(value >> shift) - (1u << STEPS_LOG2);
}

static uint64_t highest_of(unsigned bucket) {
  if (bucket < (1u << STEPS_LOG2)) return bucket;
  unsigned shift = (bucket >> STEPS_LOG2) - 1;
  uint64_t step = (1u << STEPS_LOG2) + (bucket & ((1u << STEPS_LOG2) - 1));
  return ((step + 1) << shift) - 1;
}

void record(histogram_t *histogram, uint64_t ns) {
  histogram->counts[bucket_of(ns)]++;
  histogram->count++;
  histogram->sum += (double)ns;
  if (ns > histogram->max) histogram->max = ns;
}

static double quantile_us(const histogram_t *histogram, double share) {
  uint64_t wanted = (uint64_t)(share * (double)histogram->count + 0.9999999), seen = 0;
  for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
    seen += histogram->counts[bucket];
    if (seen >= wanted && seen > 0) {
      uint64_t highest = highest_of(bucket);
      return (double)(highest < histogram->max ? highest : histogram->max) / 1e3;
    }
  }
  return 0;
}

void print_histogram(const char *name, const histogram_t *histogram) {
  if (histogram->count == 0) {
    printf(",\"%s\":null", name);
    return;
  }
  printf(",\"%s\":{\"count\":%llu,\"meanUs\":%.3f,\"p50Us\":%.3f,\"p99Us\":%.3f,\"p999Us\":%.3f,"
         "\"p9999Us\":%.3f,\"maxUs\":%.3f}",
         name, (unsigned long long)histogram->count, histogram->sum / (double)histogram->count / 1e3,
         quantile_us(histogram, 0.5), quantile_us(histogram, 0.99), quantile_us(histogram, 0.999),
         quantile_us(histogram, 0.9999), (double)histogram->max / 1e3);
}
