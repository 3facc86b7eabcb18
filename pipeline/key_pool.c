/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the key pool. Three rules make a crash harmless at any byte of any write (docs/key-pool.md):
 * a pad is handed out only below the durable watermark; what is erased or overwritten in a ring lies outside
 * the live range of the durable record; the bits of a refill are durable before the record that counts them.
 */
#include <string.h>

#include <keystill/secret.h>

#include "pipeline/key_pool.h"
#include "pipeline/status.h"

/* Writes of one turn, in order. Ring pieces are two a direction, because a range may pass the end of the
 * ring. */
enum { STEP_RECORDS = 4, STEP_SCRUB = STEP_RECORDS + KS_POOL_RECORDS, STEPS = STEP_SCRUB + 2 };

struct ks_pool {
    ks_pool_header header;
    ks_pool_state durable; /* on storage, both copies */
    ks_pool_state next;    /* as wanted */
    ks_pool_state writing; /* frozen while its writes are under way */
    uint64_t changes, durable_changes, writing_changes;
    uint64_t position[2]; /* next pad */
    uint64_t erased[2];   /* pads below are zero in memory */
    uint64_t scrubbed[2]; /* and on storage */
    double charged;       /* epsilon of the life so far */
    uint32_t batch;
    int step, waiting, active;
    int newest; /* copy of the record that must stay whole while the other is written */
    ks_pool_write write;
    uint8_t record[KS_POOL_RECORD_BYTES];
    uint8_t ring[2][KS_POOL_RING];
};

static uint64_t lower(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t higher(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint8_t *slot(ks_pool *pool, int d, uint64_t index) {
    return pool->ring[d] + index % KS_POOL_CAPACITY * KS_PAD_BYTES;
}

static void erase(ks_pool *pool, int d, uint64_t from, uint64_t to) {
    if (to > from + KS_POOL_CAPACITY)
        from = to - KS_POOL_CAPACITY;
    for (; from < to; from++)
        ks_wipe(slot(pool, d, from), KS_PAD_BYTES);
}

/* Erases pads that are used and durably so. Others must stay: storage may still count on a copy of them. */
static void erase_used(ks_pool *pool, int d) {
    uint64_t to = lower(pool->position[d], pool->durable.reserved[d]);
    erase(pool, d, pool->erased[d], lower(to, pool->durable.end[d]));
    pool->erased[d] = higher(pool->erased[d], to);
}

ks_status ks_pool_open(ks_pool **out, const uint8_t *image, size_t bytes, uint32_t batch) {
    *out = NULL;
    if (batch < 1 || batch > 65536)
        return ks_fail(KS_ERR_ARGUMENT, "%u pads a write: 1 to 65536 expected", batch);
    ks_pool *pool;
    KS_TRY(ks_secret_alloc((void **)&pool, sizeof *pool, KS_SECRET_STRICT));
    ks_status status = ks_pool_decode_header(&pool->header, image, bytes);
    if (status == KS_OK)
        status = ks_pool_decode_records(&pool->durable, &pool->newest, image);
    if (status != KS_OK) {
        ks_secret_free(pool);
        return status;
    }
    pool->next = pool->durable;
    pool->batch = batch;
    pool->charged = pool->durable.epsilon;
    for (int d = 0; d < 2; d++) {
        uint64_t position = pool->durable.reserved[d], end = pool->durable.end[d];
        pool->position[d] = pool->erased[d] = position;
        pool->scrubbed[d] = lower(position, end > KS_POOL_CAPACITY ? end - KS_POOL_CAPACITY : 0);
        for (uint64_t i = position; i < end; i++)
            memcpy(slot(pool, d, i), image + ks_pool_slot_offset(d, i), KS_PAD_BYTES);
    }
    *out = pool;
    return KS_OK;
}

void ks_pool_close(ks_pool *pool) {
    ks_secret_free(pool);
}

void ks_pool_fingerprint(const ks_pool *pool, uint8_t out[16]) {
    memcpy(out, pool->header.fingerprint, 16);
}

uint32_t ks_pool_epoch(const ks_pool *pool) {
    return pool->next.epoch;
}

ks_status ks_pool_set_epoch(ks_pool *pool, uint32_t epoch) {
    if (epoch > pool->next.epoch) {
        pool->next.epoch = epoch;
        pool->changes++;
    }
    return KS_OK;
}

const uint8_t *ks_pool_hash_key(const ks_pool *pool, ks_direction direction) {
    return pool->header.hash_key[direction];
}

uint64_t ks_pool_position(const ks_pool *pool, ks_direction direction) {
    return pool->position[direction];
}

uint64_t ks_pool_end(const ks_pool *pool, ks_direction direction) {
    return pool->next.end[direction];
}

uint64_t ks_pool_level(const ks_pool *pool, ks_direction direction) {
    uint64_t position = pool->position[direction], end = pool->next.end[direction];
    return end > position ? end - position : 0;
}

void ks_pool_prove(ks_pool *pool, ks_direction direction, uint64_t index) {
    pool->next.proven[direction] = higher(pool->next.proven[direction], index + 1);
}

uint64_t ks_pool_proven(const ks_pool *pool, ks_direction direction) {
    return pool->next.proven[direction];
}

void ks_pool_accept(ks_pool *pool, uint32_t epoch, uint32_t block) {
    pool->next.accepted[pool->next.accepts++ % KS_POOL_ACCEPTED] = (uint64_t)epoch << 32 | block;
    pool->changes++;
}

int ks_pool_accepted(const ks_pool *pool, uint32_t epoch, uint32_t block) {
    for (uint64_t i = 0; i < lower(pool->next.accepts, KS_POOL_ACCEPTED); i++)
        if (pool->next.accepted[i] == ((uint64_t)epoch << 32 | block))
            return 1;
    return 0;
}

void ks_pool_charge(ks_pool *pool, double epsilon) {
    pool->charged += epsilon;
    if (pool->charged > pool->next.epsilon) {
        pool->next.epsilon = pool->charged + epsilon * pool->batch;
        pool->changes++;
    }
}

double ks_pool_epsilon(const ks_pool *pool) {
    return pool->charged;
}

int ks_pool_charge_durable(const ks_pool *pool) {
    return pool->charged <= pool->durable.epsilon;
}

int ks_pool_durable(const ks_pool *pool) {
    return pool->changes == pool->durable_changes;
}

/* ---- durable writes */

/* Piece 0 or 1 of the ring range [from, to) as a write from memory; 0 when there is none. */
static int ring_piece(ks_pool *pool, int d, int piece, uint64_t from, uint64_t to) {
    if (from >= to)
        return 0;
    uint64_t first = lower(to - from, KS_POOL_CAPACITY - from % KS_POOL_CAPACITY);
    uint64_t start = piece ? from + first : from, count = piece ? to - from - first : first;
    if (count == 0)
        return 0;
    pool->write = (ks_pool_write){.offset = ks_pool_slot_offset(d, start),
                                  .data = slot(pool, d, start),
                                  .bytes = (size_t)count * KS_PAD_BYTES};
    return 1;
}

/* The pads that the frozen record adds. */
static int refill_piece(ks_pool *pool, int step) {
    int d = step / 2;
    return ring_piece(pool, d, step % 2, pool->durable.end[d], pool->writing.end[d]);
}

/* Used pads, erased in memory, are erased on storage too, a batch at a time. */
static int scrub_piece(ks_pool *pool, int step) {
    uint64_t from = pool->scrubbed[step], to = lower(pool->erased[step], from + KS_POOL_CAPACITY);
    return to >= from + lower(pool->batch, KS_POOL_CAPACITY) && ring_piece(pool, step, 0, from, to);
}

/* The older copy goes first: whatever happens, one is whole. */
static int record_copy(ks_pool *pool, int turn) {
    int copy = turn == 0 ? !pool->newest : pool->newest;
    pool->write = (ks_pool_write){.offset = (uint64_t)KS_POOL_PAGE * (uint64_t)(1 + copy),
                                  .data = pool->record,
                                  .bytes = KS_POOL_RECORD_BYTES};
    return 1;
}

static int prepare_step(ks_pool *pool) {
    int record_due = pool->writing_changes != pool->durable_changes;
    if (pool->step < STEP_RECORDS)
        return record_due && refill_piece(pool, pool->step);
    if (pool->step < STEP_SCRUB)
        return record_due && record_copy(pool, pool->step - STEP_RECORDS);
    return scrub_piece(pool, pool->step - STEP_SCRUB);
}

static void freeze(ks_pool *pool) {
    pool->writing = pool->next;
    pool->writing_changes = pool->changes;
    if (pool->writing_changes != pool->durable_changes) {
        pool->writing.sequence = pool->durable.sequence + 1;
        ks_pool_encode_record(pool->record, &pool->writing);
    }
    pool->step = 0;
    pool->active = 1;
}

int ks_pool_next_write(ks_pool *pool, ks_pool_write *write) {
    while (!pool->waiting) {
        if (!pool->active)
            freeze(pool);
        while (pool->step < STEPS && !prepare_step(pool))
            pool->step++;
        pool->waiting = pool->step < STEPS;
        pool->active = pool->waiting;
        if (!pool->waiting && pool->changes == pool->durable_changes)
            return 0;
    }
    *write = pool->write;
    return 1;
}

/* The last copy of the record is durable. */
static void commit(ks_pool *pool) {
    for (int d = 0; d < 2; d++)
        erase(pool, d, pool->writing.end[d], pool->durable.end[d]);
    pool->durable = pool->writing;
    pool->durable_changes = pool->writing_changes;
    erase_used(pool, KS_ALICE_TO_BOB);
    erase_used(pool, KS_BOB_TO_ALICE);
}

void ks_pool_write_done(ks_pool *pool) {
    if (!pool->waiting)
        return;
    pool->waiting = 0;
    if (pool->step == STEP_SCRUB - 1)
        commit(pool);
    if (pool->step >= STEP_SCRUB)
        pool->scrubbed[pool->step - STEP_SCRUB] += pool->write.bytes / KS_PAD_BYTES;
    pool->active = ++pool->step < STEPS;
}

/* ---- use */

/* Asks for the watermark to cover `index`. */
static ks_status reserve(ks_pool *pool, int d, uint64_t index) {
    uint64_t wanted = lower(index + pool->batch, pool->next.end[d]);
    if (wanted > pool->next.reserved[d]) {
        pool->next.reserved[d] = wanted;
        pool->changes++;
    }
    return ks_fail(KS_ERR_EMPTY, "pad %llu waits for a durable write", (unsigned long long)index);
}

static ks_status hand_out(ks_pool *pool, int d, uint64_t index, uint8_t pad[KS_PAD_BYTES]) {
    if (index >= pool->next.end[d])
        return ks_fail(KS_ERR_AUTH, "the authentication pool is spent: it ends at pad %llu",
                       (unsigned long long)pool->next.end[d]);
    if (index >= lower(pool->durable.reserved[d], pool->durable.end[d]))
        return reserve(pool, d, index);
    memcpy(pad, slot(pool, d, index), KS_PAD_BYTES);
    pool->position[d] = index + 1;
    erase_used(pool, d);
    return KS_OK;
}

ks_status ks_pool_take(ks_pool *pool, ks_direction direction, uint8_t pad[KS_PAD_BYTES], uint64_t *index) {
    uint64_t position = pool->position[direction];
    KS_TRY(hand_out(pool, (int)direction, position, pad));
    *index = position;
    return KS_OK;
}

ks_status ks_pool_take_at(ks_pool *pool, ks_direction direction, uint64_t index, uint8_t pad[KS_PAD_BYTES]) {
    uint64_t position = pool->position[direction];
    if (index < position)
        return ks_fail(KS_ERR_AUTH, "pad %llu is used already: the next is %llu", (unsigned long long)index,
                       (unsigned long long)position);
    if (index - position > KS_POOL_SKIP)
        return ks_fail(KS_ERR_AUTH, "pad %llu is too far ahead: the next is %llu", (unsigned long long)index,
                       (unsigned long long)position);
    return hand_out(pool, (int)direction, index, pad);
}

ks_status ks_pool_advance(ks_pool *pool, ks_direction direction, uint64_t position) {
    if (position <= pool->position[direction])
        return KS_OK;
    if (position > pool->next.end[direction])
        return ks_fail(KS_ERR_AUTH, "the peer is at pad %llu, the authentication pool ends at %llu",
                       (unsigned long long)position, (unsigned long long)pool->next.end[direction]);
    pool->position[direction] = position;
    if (position > pool->next.reserved[direction]) {
        pool->next.reserved[direction] = position;
        pool->changes++;
    }
    erase_used(pool, (int)direction);
    return KS_OK;
}

/* ---- refill and truncation */

static uint64_t refill_order(uint32_t epoch, uint32_t block) {
    return (uint64_t)epoch << 32 | block;
}

/* What history forgets stays refilled. */
static void forget_oldest(ks_pool_state *state) {
    uint64_t order = refill_order(state->history[0].epoch, state->history[0].block);
    state->forgotten = higher(state->forgotten, order + 1);
    memmove(state->history, state->history + 1, --state->refills * sizeof state->history[0]);
}

static ks_pool_refill_note *find_note(ks_pool_state *state, uint32_t epoch, uint32_t block) {
    for (uint32_t i = 0; i < state->refills; i++)
        if (state->history[i].epoch == epoch && state->history[i].block == block)
            return &state->history[i];
    return NULL;
}

/* Its pads below `kept` stay and may be handed out; those below the position were. */
static void cut_note(ks_pool_refill_note *note, int d, uint64_t position, uint64_t kept) {
    uint64_t start = note->end[d] - lower(note->pads, note->end[d]), used = higher(position, kept);
    note->spent[d] = used > start ? (uint32_t)lower(used - start, note->pads) : 0;
    note->cut[d] = 1;
}

ks_status ks_pool_truncate(ks_pool *pool, ks_direction direction, uint64_t end) {
    ks_pool_state *next = &pool->next;
    if (end > next->end[direction])
        return ks_fail(KS_ERR_ARGUMENT, "the pool ends at pad %llu and cannot be cut at %llu",
                       (unsigned long long)next->end[direction], (unsigned long long)end);
    if (end == next->end[direction])
        return KS_OK;
    next->end[direction] = end;
    for (uint32_t i = 0; i < next->refills; i++)
        if (!next->history[i].cut[direction] && next->history[i].end[direction] > end)
            cut_note(&next->history[i], (int)direction, pool->position[direction], end);
    pool->changes++;
    return KS_OK;
}

static ks_status check_room(const ks_pool *pool, uint64_t pads) {
    for (int d = 0; d < 2; d++) {
        if (pool->next.end[d] < pool->durable.end[d] ||
            (pool->active && pool->next.end[d] < pool->writing.end[d]))
            return ks_fail(KS_ERR_STATE, "the pool was cut and that is not durable yet");
        /* Slots of pads that the durable record counts as live must keep their pads. */
        uint64_t live = lower(pool->position[d], pool->durable.reserved[d]);
        live = lower(live, pool->next.end[d]);
        if (pads > KS_POOL_CAPACITY || pool->next.end[d] + pads - live > KS_POOL_CAPACITY)
            return ks_fail(KS_ERR_FULL, "the authentication pool has no room for %llu pads",
                           (unsigned long long)pads);
    }
    return KS_OK;
}

static void append(ks_pool *pool, int d, const uint8_t *key, uint64_t pads) {
    uint64_t end = pool->next.end[d];
    for (uint64_t i = 0; i < pads; i++)
        memcpy(slot(pool, d, end + i), key + i * KS_PAD_BYTES, KS_PAD_BYTES);
    pool->next.end[d] = end + pads;
}

/* The bits of a refill that was cut come again: those that were handed out then, or still may be, are burnt
 * now. */
static void burn_repeated(ks_pool *pool, const ks_pool_refill_note *old, uint32_t pads) {
    for (int d = 0; d < 2; d++) {
        uint64_t start = pool->next.end[d] - pads;
        uint32_t spent = old->cut[d] && old->pads == pads ? old->spent[d] : pads;
        if (spent && start + spent > pool->position[d])
            pool->position[d] = start + spent;
        pool->next.reserved[d] = higher(pool->next.reserved[d], pool->position[d]);
    }
}

static void remember(ks_pool_state *state, uint32_t epoch, uint32_t block, uint32_t pads) {
    ks_pool_refill_note *old = find_note(state, epoch, block);
    if (old) {
        size_t after = (size_t)(state->history + state->refills - (old + 1));
        memmove(old, old + 1, after * sizeof *old);
        state->refills--;
    } else if (state->refills == KS_POOL_HISTORY) {
        forget_oldest(state);
    }
    state->history[state->refills++] = (ks_pool_refill_note){
        .epoch = epoch, .block = block, .pads = pads, .end = {state->end[0], state->end[1]}};
}

ks_status ks_pool_refill(ks_pool *pool, uint32_t epoch, uint32_t block, const uint8_t *key, size_t bytes) {
    if (bytes == 0 || bytes % (2 * KS_PAD_BYTES) != 0)
        return ks_fail(KS_ERR_ARGUMENT, "a refill of %zu bytes: a multiple of %d expected", bytes,
                       2 * KS_PAD_BYTES);
    ks_pool_refill_note *old = find_note(&pool->next, epoch, block);
    if (old ? !old->cut[0] && !old->cut[1] : refill_order(epoch, block) < pool->next.forgotten)
        return KS_OK;
    size_t pads = bytes / (2 * KS_PAD_BYTES);
    KS_TRY(check_room(pool, pads));
    append(pool, KS_ALICE_TO_BOB, key, pads);
    append(pool, KS_BOB_TO_ALICE, key + bytes / 2, pads);
    if (old)
        burn_repeated(pool, old, (uint32_t)pads);
    remember(&pool->next, epoch, block, (uint32_t)pads);
    pool->changes++;
    return KS_OK;
}
