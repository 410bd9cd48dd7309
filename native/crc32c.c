/*
 * CRC-32C (Castagnoli), the checksum of every record batch, on the processor's own instruction.
 *
 * The instruction takes eight bytes in three cycles, and can start every cycle: three neighbouring
 * blocks are run at once and joined. Joining "a then b" needs a's checksum moved past b's length,
 * which is one carry-less product with a constant:
 *
 *   bytes   |---- a ----|---- b ----|---- c ----|      crc = a * x^(2n)  ^  b * x^n  ^  c
 *
 * Compiled by a C compiler where there is one, else by the TinyCC within Bun. TinyCC knows neither
 * intrinsics nor headers, so for it the instruction is spelled in bytes, and blocks run singly.
 */
typedef unsigned char byte;
typedef unsigned int u32;
typedef unsigned long long u64;

#if defined(__TINYC__)
#define EXPORT
#define INLINE static
#else
#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))
#endif

#if defined(__TINYC__) && defined(__x86_64__)

#define HARDWARE 1

static int hardware_present(void) {
  u32 features;
  __asm__ volatile("mov $1, %%eax\n\tcpuid" : "=c"(features) : : "eax", "ebx", "edx");
  return (features >> 20) & 1; /* SSE4.2 */
}

static u32 hardware_crc(u32 crc, const byte *at, u64 size) {
  const byte *end8 = at + (size & ~7ull);
  const byte *end = at + size;
  u64 wide = crc;
  if (at < end8) {
    /* crc32q (%rdi), %rax */
    __asm__ volatile(
        "1:\n\t.byte 0xf2, 0x48, 0x0f, 0x38, 0xf1, 0x07\n\t"
        "add $8, %%rdi\n\tcmp %%rdx, %%rdi\n\tjb 1b"
        : "=a"(wide), "=D"(at)
        : "a"(wide), "D"(at), "d"(end8));
  }
  if (at < end) {
    /* crc32b (%rdi), %rax */
    __asm__ volatile(
        "2:\n\t.byte 0xf2, 0x48, 0x0f, 0x38, 0xf0, 0x07\n\t"
        "add $1, %%rdi\n\tcmp %%rdx, %%rdi\n\tjb 2b"
        : "=a"(wide), "=D"(at)
        : "a"(wide), "D"(at), "d"(end));
  }
  return (u32)wide;
}

#elif !defined(__TINYC__) && defined(__x86_64__)

#include <immintrin.h>
#define HARDWARE 1
#define TARGET __attribute__((target("sse4.2,pclmul")))
#define CRC8(crc, value) _mm_crc32_u8((u32)(crc), (value))
#define CRC64(crc, value) _mm_crc32_u64((crc), (value))

static int hardware_present(void) {
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

TARGET INLINE u64 carryless(u32 left, u32 right) {
  __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)left), _mm_cvtsi32_si128((int)right), 0);
  return (u64)_mm_cvtsi128_si64(product);
}

#elif !defined(__TINYC__) && defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
#endif
#if !defined(__clang__)
#pragma GCC push_options
#pragma GCC target("+crc+crypto")
#endif
#include <arm_acle.h>
#include <arm_neon.h>
#define HARDWARE 1
#if defined(__clang__)
#define TARGET __attribute__((target("crc,aes")))
#else
#define TARGET
#endif
#define CRC8(crc, value) __crc32cb((u32)(crc), (value))
#define CRC64(crc, value) __crc32cd((u32)(crc), (value))

static int hardware_present(void) {
#if defined(__linux__)
  const unsigned long pmull = 1ul << 4, crc32 = 1ul << 7; /* HWCAP_PMULL, HWCAP_CRC32 */
  return (getauxval(AT_HWCAP) & (pmull | crc32)) == (pmull | crc32);
#else
  return 1; /* Every 64-bit Apple processor of the Mac has both. */
#endif
}

TARGET INLINE u64 carryless(u32 left, u32 right) {
  return (u64)vgetq_lane_u64(vreinterpretq_u64_p128(vmull_p64((poly64_t)left, (poly64_t)right)), 0);
}

#endif

#if defined(HARDWARE) && !defined(__TINYC__)

#define LONG_BLOCK 2048
#define LONG_ONCE 0xa51b6135u
#define LONG_TWICE 0x82f89c77u
#define SHORT_BLOCK 128
#define SHORT_ONCE 0x0d3b6092u
#define SHORT_TWICE 0xb9e02b86u

INLINE u64 load64(const byte *at) {
  u64 word;
  __builtin_memcpy(&word, at, 8);
  return word;
}

/* Runs three blocks of `block` bytes; `once` and `twice` are x^(8n - 33) for one and two blocks. */
TARGET INLINE u32 three_blocks(u32 crc, const byte *at, u64 block, u32 once, u32 twice) {
  u64 a = crc, b = 0, c = 0;
  const byte *end = at + block;
  do {
    a = CRC64(a, load64(at));
    b = CRC64(b, load64(at + block));
    c = CRC64(c, load64(at + 2 * block));
    at += 8;
  } while (at < end);
  u64 joined = carryless((u32)a, twice) ^ carryless((u32)b, once);
  return (u32)(CRC64(0, joined) ^ c);
}

TARGET static u32 hardware_crc(u32 crc, const byte *at, u64 size) {
  while (size >= 3 * LONG_BLOCK) {
    crc = three_blocks(crc, at, LONG_BLOCK, LONG_ONCE, LONG_TWICE);
    at += 3 * LONG_BLOCK;
    size -= 3 * LONG_BLOCK;
  }
  while (size >= 3 * SHORT_BLOCK) {
    crc = three_blocks(crc, at, SHORT_BLOCK, SHORT_ONCE, SHORT_TWICE);
    at += 3 * SHORT_BLOCK;
    size -= 3 * SHORT_BLOCK;
  }
  u64 wide = crc;
  for (; size >= 8; at += 8, size -= 8) wide = CRC64(wide, load64(at));
  crc = (u32)wide;
  for (; size > 0; at++, size--) crc = CRC8(crc, *at);
  return crc;
}

#if defined(__aarch64__) && !defined(__clang__)
#pragma GCC pop_options
#endif
#endif

/* 1 when this processor has the instructions; the caller uses its own code where it has not. */
EXPORT int bunka_crc32c_present(void) {
#if defined(HARDWARE)
  return hardware_present();
#else
  return 0;
#endif
}

/* Like zlib's crc32(): `seed` is 0, or the result for the bytes before these. */
EXPORT u32 bunka_crc32c(const byte *bytes, u32 offset, u32 size, u32 seed) {
#if defined(HARDWARE)
  return ~hardware_crc(~seed, bytes + offset, size);
#else
  return seed;
#endif
}
