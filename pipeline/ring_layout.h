/* SPDX-License-Identifier: Apache-2.0 */
/* The shared layout of the key ring (docs/ring-format.md) and the only accesses to it: atomic, bounded by a
 * geometry that was checked once and is kept in private memory. Nothing else in the mapping is trusted. */
#ifndef KS_PIPELINE_RING_LAYOUT_H
#define KS_PIPELINE_RING_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <keystill/ring.h>

#define KS_RING_MAGIC   UINT64_C(0x31676e6952534b00) /* "\0KSRing1" as bytes */
#define KS_RING_VERSION UINT64_C(0x0000000100000000) /* major 1 << 32 | minor 0 */
enum {
    KS_RING_PAGE = 4096, /* unit of the layout, whatever the machine's page is */
    KS_RING_MAX_SLOTS = 1 << 24,
    KS_RING_MAX_KEY_BYTES = 4096,
    KS_RING_MAX_KEY_WORDS = KS_RING_MAX_KEY_BYTES / 8
};

/* Words 128.. are written by the writer, 256.. by readers: each group has cache lines of its own. */
typedef struct ks_ring_header {
    _Atomic uint64_t magic;
    _Atomic uint64_t version; /* published last; 0: not ready yet */
    _Atomic uint32_t slots;
    _Atomic uint32_t key_bytes;
    _Atomic uint64_t total_bytes;
    _Atomic uint64_t link[2];
    _Atomic uint32_t notes;
    _Atomic uint32_t slot_bytes;
    uint8_t unused_a[72];
    _Atomic uint64_t heartbeat;     /* the writer's clock in ns at its last sign of life; 0: it left */
    _Atomic uint64_t next_sequence; /* of the next key, from 1 */
    _Atomic uint64_t appended;
    _Atomic uint64_t confirmations; /* grows with every confirmation; odd while one is under way */
    uint8_t unused_b[96];
    _Atomic uint64_t delivered;
    _Atomic uint64_t wiped;
    uint8_t unused_c[KS_RING_PAGE - 272];
} ks_ring_header;

static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
              "atomics must work between processes");
static_assert(sizeof(_Atomic uint64_t) == 8 && sizeof(_Atomic uint32_t) == 4,
              "atomics must have no hidden parts");
static_assert(offsetof(ks_ring_header, magic) == 0, "layout");
static_assert(offsetof(ks_ring_header, version) == 8, "layout");
static_assert(offsetof(ks_ring_header, slots) == 16, "layout");
static_assert(offsetof(ks_ring_header, key_bytes) == 20, "layout");
static_assert(offsetof(ks_ring_header, total_bytes) == 24, "layout");
static_assert(offsetof(ks_ring_header, link) == 32, "layout");
static_assert(offsetof(ks_ring_header, notes) == 48, "layout");
static_assert(offsetof(ks_ring_header, slot_bytes) == 52, "layout");
static_assert(offsetof(ks_ring_header, heartbeat) == 128, "layout");
static_assert(offsetof(ks_ring_header, next_sequence) == 136, "layout");
static_assert(offsetof(ks_ring_header, appended) == 144, "layout");
static_assert(offsetof(ks_ring_header, confirmations) == 152, "layout");
static_assert(offsetof(ks_ring_header, delivered) == 256, "layout");
static_assert(offsetof(ks_ring_header, wiped) == 264, "layout");
static_assert(sizeof(ks_ring_header) == KS_RING_PAGE, "layout");

/* A slot is an array of 64-bit words. */
enum {
    KS_RING_WORD_ID = 0,     /* two words, the identifier's bytes */
    KS_RING_WORD_ORIGIN = 2, /* epoch | block << 32 */
    KS_RING_WORD_CHECK = 3,  /* ks_ring_checksum */
    KS_RING_WORD_KEY = 4     /* the key, zero-padded to whole words */
};

/* A state word: sequence << 8 | state. The sequence is unique in the life of a ring, so a word never comes
 * back and a compare-exchange cannot be fooled by a slot that was reused meanwhile. */
enum {
    KS_SLOT_FREE = KS_KEY_FREE,
    KS_SLOT_UNCONFIRMED = KS_KEY_UNCONFIRMED,
    KS_SLOT_CONFIRMED = KS_KEY_CONFIRMED,
    KS_SLOT_RESERVED = KS_KEY_RESERVED,
    KS_SLOT_DELIVERED = KS_KEY_DELIVERED,
    KS_SLOT_WRITING = 5, /* the writer is filling it */
    KS_SLOT_WIPING = 6,  /* whoever made this transition is storing zeros; nobody may reuse the slot */
    KS_SLOT_RETIRED =
        7, /* wiped, but the wiper vanished and might still store zeros: not reused before ks_ring_reclaim */
    KS_SLOT_STATES
};
#define KS_RING_MAX_SEQUENCE (UINT64_C(1) << 55)

static inline uint64_t ks_slot_word(uint64_t sequence, unsigned state) {
    return sequence << 8 | state;
}
static inline unsigned ks_slot_state(uint64_t word) {
    return (unsigned)(word & 0xff);
}
static inline uint64_t ks_slot_sequence(uint64_t word) {
    return word >> 8;
}

/* Tests define this to stop, kill or switch at every single store. */
#ifndef KS_RING_STORE_HOOK
#define KS_RING_STORE_HOOK() ((void)0)
#endif

static inline uint64_t ks_ring_load(const _Atomic uint64_t *word) {
    return atomic_load_explicit(word, memory_order_acquire);
}
static inline void ks_ring_store(_Atomic uint64_t *word, uint64_t value) {
    KS_RING_STORE_HOOK();
    atomic_store_explicit(word, value, memory_order_release);
}
static inline uint32_t ks_ring_load32(const _Atomic uint32_t *word) {
    return atomic_load_explicit(word, memory_order_acquire);
}
static inline void ks_ring_store32(_Atomic uint32_t *word, uint32_t value) {
    KS_RING_STORE_HOOK();
    atomic_store_explicit(word, value, memory_order_release);
}
static inline void ks_ring_count(_Atomic uint64_t *word, uint64_t n) {
    KS_RING_STORE_HOOK();
    (void)atomic_fetch_add_explicit(word, n, memory_order_acq_rel);
}
/* 1 when the word was `from` and is now `to`. */
static inline int ks_ring_exchange(_Atomic uint64_t *word, uint64_t from, uint64_t to) {
    KS_RING_STORE_HOOK();
    return atomic_compare_exchange_strong_explicit(word, &from, to, memory_order_acq_rel,
                                                   memory_order_acquire);
}

/* Where things are in a mapping; checked, private. */
typedef struct ks_ring_view {
    ks_ring_header *header;
    _Atomic uint64_t *states; /* `slots` words */
    _Atomic uint64_t *slot_words;
    uint32_t slots, key_bytes, key_words;
    size_t slot_stride; /* in words */
} ks_ring_view;

/* Sizes of a ring; 0 when the configuration is out of range. */
size_t ks_ring_slot_bytes(uint32_t key_bytes);
size_t ks_ring_total_bytes(uint32_t slots, uint32_t key_bytes);
void ks_ring_view_init(ks_ring_view *view, void *memory, uint32_t slots, uint32_t key_bytes);

static inline _Atomic uint64_t *ks_ring_slot(const ks_ring_view *view, uint32_t slot) {
    return view->slot_words + view->slot_stride * slot;
}

/* FNV-1a (64 bits) over identifier, origin (little-endian) and key. Guards against stray stores, not against
 * an enemy. */
uint64_t ks_ring_checksum(const ks_key_id *id, uint64_t origin, const uint8_t *key, size_t key_bytes);

/* Zeroes key and checksum of a slot; the caller owns it (KS_SLOT_WIPING or _WRITING). */
void ks_ring_wipe_slot(const ks_ring_view *view, uint32_t slot);
/* Destroys the key of a slot whose state word is `word`: 1 when this call did it, 0 when the slot had moved
 * on. */
int ks_ring_destroy_key(const ks_ring_view *view, uint32_t slot, uint64_t word);

#endif
