/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * What BPF, C11 and C++20 must agree on before they can share a line of code: integers, inlining,
 * unaligned loads and stores, ordered loads. Nothing here knows about packets.
 *
 * Every multi-byte load is little-endian, as the machine is; "wire" in a name means that the bytes
 * stand in the order of the packet, whatever number they make. Only little-endian machines build
 * this.
 */
#if defined(__bpf__)
#include <linux/types.h>
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s64 int64_t;
#else
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Belka runs on little-endian machines only"
#endif

#if defined(__cplusplus)
#define SPLIT_ASSERT(condition, text) static_assert(condition, text)
#else
#define SPLIT_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define SPLIT_INLINE static inline __attribute__((always_inline, unused))
/* For what few packets need: kept out of the straight path, whose registers it would take. */
#define SPLIT_ASIDE static __attribute__((noinline, unused))
/* A function that the verifier proves once, for whatever arguments: its callers' states do not
 * multiply with its own. Pointers are of one element, and may be null. */
#if defined(__bpf__)
#define SPLIT_PROVEN __attribute__((noinline, weak)) /* weak: clang keeps all arguments */
#else
#define SPLIT_PROVEN static inline __attribute__((unused))
#endif
/*
 * Before a loop: clang writes its rounds one after another. For loops that the verifier of
 * Linux 6.1 might refuse: it takes a jump back to the head of a loop, but no fall-through to it
 * ("back-edge from insn A to B"), and clang lays out a loop either way. Loops of one block end in a
 * jump back as a rule; those with more ways through them are unrolled. `make lint` looks at the
 * object (scripts/lint.d/back_edges.py).
 */
#if defined(__bpf__)
#define SPLIT_UNROLL _Pragma("unroll")
#else
#define SPLIT_UNROLL
#endif
#define SPLIT_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define SPLIT_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/*
 * A packet's fields are not aligned. BPF code loads them as they are (the verifier allows it where
 * the machine does); clang would split a memcpy there into single bytes. Native code uses memcpy,
 * which is one instruction and no undefined behaviour.
 */
#if defined(__bpf__)
#define SPLIT_LOAD(bits)                                        \
  SPLIT_INLINE uint##bits##_t load##bits(const uint8_t* from) { \
    return *(const uint##bits##_t*)from;                        \
  }                                                             \
  SPLIT_INLINE void store##bits(uint8_t* to, uint##bits##_t value) { *(uint##bits##_t*)to = value; }
#else
#define SPLIT_LOAD(bits)                                             \
  SPLIT_INLINE uint##bits##_t load##bits(const uint8_t* from) {      \
    uint##bits##_t value;                                            \
    memcpy(&value, from, sizeof value);                              \
    return value;                                                    \
  }                                                                  \
  SPLIT_INLINE void store##bits(uint8_t* to, uint##bits##_t value) { \
    memcpy(to, &value, sizeof value);                                \
  }
#endif
SPLIT_LOAD(16)
SPLIT_LOAD(32)
SPLIT_LOAD(64)
#undef SPLIT_LOAD

/* No header starts further into a frame; the verifier wants to see a bound on every offset. */
enum { REACH_MAX = 0x7fff };

/*
 * The bytes at `data + offset`, of which at least `bytes` (a constant) lie below `end`; null where
 * they do not. The verifier proves accesses at constant offsets from one checked pointer: the empty
 * instruction keeps clang from splitting the sum anew for each access.
 */
SPLIT_INLINE const uint8_t* reach(const uint8_t* data, const uint8_t* end, uint32_t offset,
                                  uint32_t bytes) {
  const uint8_t* at = data + offset;
#if defined(__bpf__)
  __asm__ volatile("" : "+r"(at));
#endif
  return at + bytes > end ? 0 : at;
}

/* Between wire order and numbers. Its own inverse. */
SPLIT_INLINE uint16_t swap16(uint16_t value) { return __builtin_bswap16(value); }

SPLIT_INLINE uint16_t load_wire16(const uint8_t* from) { return swap16(load16(from)); }

/*
 * Loads and stores of shared words. LOAD_RELAXED is one untorn load, STORE_RELAXED one store.
 * READ_BARRIER keeps the loads before it before those after it, as seen by a writer that stores in
 * the opposite order. BPF has no instruction for it; on x86 loads are not reordered with loads, so
 * keeping the compiler from it is enough. The XDP program is supported on x86-64 only for this
 * reason.
 * ADD_ORDERED adds, and keeps everything before it before everything after it, loads too: one
 * locked instruction.
 */
#if defined(__bpf__)
#define ADD_ORDERED(word, amount) __sync_fetch_and_add(&(word), (amount))
#define LOAD_RELAXED(word) (*(const volatile __typeof__(word)*)&(word))
#define STORE_RELAXED(word, value) (*(volatile __typeof__(word)*)&(word) = (value))
#define READ_BARRIER() __asm__ volatile("" ::: "memory")
#else
#define ADD_ORDERED(word, amount) __atomic_fetch_add(&(word), (amount), __ATOMIC_SEQ_CST)
#define LOAD_RELAXED(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define STORE_RELAXED(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELAXED)
#define READ_BARRIER() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif
