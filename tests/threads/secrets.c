/* SPDX-License-Identifier: Apache-2.0 */
/* A raw key that this program knows goes through a whole link: engines with threads, workers, messages,
 * rings. When its blocks have ended, none of it is left anywhere in the writable memory of the process (which
 * is what a core file would hold, and more): not Alice's raw bits nor Bob's, not the sifted, the corrected or
 * the final keys; packed at any bit offset, or one bit a byte, a byte's sign, or a 64-bit word. Keys in the
 * rings go when they are taken. `secrets imported`: the same by an imported code. */
#include <fcntl.h>
#include <keystill/entropy.h>
#include <keystill/keystill.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* A block has some 29 500 sifted bits: two frames of 2^14 bits. The syndrome of a frame that holds next to
 * nothing would be its bits themselves, published and paid for. */
enum { BLOCKS = 3, SLOTS = 4096, STEP = 10 };
#define BLOCK_SLOTS (UINT64_C(1) << 19)

typedef struct end {
    ks_engine *engine;
    ks_pool *pool;
    void *memory;
    ks_ring *writer, *reader;
    uint64_t seed;
    struct end *peer;
} end;

static void require(ks_status status) {
    if (status == KS_OK)
        return;
    fprintf(stderr, "%s: %s\n", ks_status_name(status), ks_error_detail());
    exit(1);
}

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* ---- the planted bits */

static ks_state state_of(uint64_t slot) {
    uint64_t r = mix(slot + 1);
    return (ks_state)((r & 1) | (uint64_t)((r >> 8 & 3) == 0) << 1);
}

static ks_detection detect(uint64_t slot) {
    uint64_t r = mix(slot * 7 + 3);
    unsigned basis = (r >> 8 & 3) == 0, bit = r >> 10 & 1;
    if (basis == (unsigned)(state_of(slot) >> 1))
        bit = (state_of(slot) & 1u) ^ ((r >> 20) % 1000 < 15);
    return ks_detection_make(slot, basis, bit, 0);
}

/* ---- what to look for: every run of 64 bits, remembered by a hash of it alone */

enum { TABLE = 1 << 22, FILTER_BITS = 1 << 25 };
static uint64_t table[TABLE];
static uint8_t filter[FILTER_BITS / 8];

typedef struct run {
    uint64_t window;
    uint64_t bits;
} run;

static void add_bit(run *r, unsigned bit) {
    r->window = r->window >> 1 | (uint64_t)bit << 63;
    if (++r->bits < 64)
        return;
    const uint64_t h = mix(r->window) | 1;
    filter[h % FILTER_BITS / 8] |= (uint8_t)(1 << h % 8);
    for (size_t at = h >> 40;; at++)
        if (table[at % TABLE] == 0 || table[at % TABLE] == h) {
            table[at % TABLE] = h;
            return;
        }
}

/* Nothing of the run stays behind in a register or on the stack. */
static void end_run(run *r) {
    *(volatile uint64_t *)&r->window = 0;
    r->bits = 0;
}

static int is_known(uint64_t window) {
    const uint64_t h = mix(window) | 1;
    if (!(filter[h % FILTER_BITS / 8] >> h % 8 & 1))
        return 0;
    for (size_t at = h >> 40; table[at % TABLE]; at++)
        if (table[at % TABLE] == h)
            return 1;
    return 0;
}

static void plant_sequences(void) {
    for (int sequence = 0; sequence < 4; sequence++) {
        run r = {0};
        for (uint64_t slot = 0; slot < BLOCKS * BLOCK_SLOTS; slot += STEP) {
            const int sifted = sequence & 1, bob = sequence >> 1;
            const unsigned prepared = state_of(slot), measured = (unsigned)detect(slot);
            if (sifted && ((prepared | measured) >> 1 & 1))
                continue;
            add_bit(&r, (bob ? measured : prepared) & 1);
        }
        end_run(&r);
    }
}

/* ---- looking */

enum { CHUNK = 1 << 20, OVERLAP = 64 * 8 };
static uint8_t chunk[CHUNK + OVERLAP];

typedef struct finding {
    uint64_t packed, bytes, signs, words;
} finding;

static void look(finding *f, const uint8_t *p, size_t n) {
    uint64_t low = 0, sign = 0, word = 0, aligned;
    for (size_t i = 0; i + 8 <= n; i++) {
        uint64_t here;
        memcpy(&here, p + i, 8);
        low = low >> 1 | (uint64_t)(p[i] & 1) << 63;
        sign = sign >> 1 | (uint64_t)(p[i] >> 7) << 63;
        f->packed += (uint64_t)is_known(here);
        f->bytes += (uint64_t)(is_known(low));
        f->signs += (uint64_t)(is_known(sign) || is_known(~sign));
    }
    for (size_t i = 0; i + 8 <= n; i += 8) {
        memcpy(&aligned, p + i, 8);
        word = word >> 1 | (aligned & 1) << 63;
        f->words += (uint64_t)is_known(word);
    }
}

static uint64_t look_at_region(int fd, uint64_t from, uint64_t to, finding *all) {
    uint64_t looked = 0;
    for (uint64_t at = from; at < to;) {
        const size_t want = to - at < sizeof chunk ? (size_t)(to - at) : sizeof chunk;
        const ssize_t got = pread(fd, chunk, want, (off_t)at);
        if (got <= 0)
            break;
        look(all, chunk, (size_t)got);
        looked += (uint64_t)got;
        if ((size_t)got <= OVERLAP || at + (uint64_t)got >= to)
            break;
        at += (uint64_t)got - OVERLAP;
    }
    memset(chunk, 0, sizeof chunk);
    return looked;
}

static int is_ours(uint64_t from, uint64_t to) {
    const uint64_t mine = (uint64_t)(uintptr_t)chunk;
    return mine + sizeof chunk > from && mine < to;
}

/* Findings in all writable memory; what was found where goes to stderr. */
static uint64_t look_everywhere(const char *when) {
    char line[512];
    uint64_t found = 0, looked = 0;
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    FILE *maps = fopen("/proc/self/maps", "re");
    if (fd < 0 || !maps)
        return 0;
    while (fgets(line, sizeof line, maps)) {
        unsigned long long from, to;
        char access[8];
        if (sscanf(line, "%llx-%llx %7s", &from, &to, access) != 3 || access[0] != 'r' || access[1] != 'w')
            continue;
        finding f = {0};
        if (is_ours(from, to)) { /* around the buffer of this search */
            const uint64_t mine = (uint64_t)(uintptr_t)chunk;
            looked += look_at_region(fd, from, mine, &f) + look_at_region(fd, mine + sizeof chunk, to, &f);
        } else {
            looked += look_at_region(fd, from, to, &f);
        }
        const uint64_t here = f.packed + f.bytes + f.signs + f.words;
        if (here)
            fprintf(stderr, "%s: %llu packed, %llu bytes, %llu signs, %llu words in %s", when,
                    (unsigned long long)f.packed, (unsigned long long)f.bytes, (unsigned long long)f.signs,
                    (unsigned long long)f.words, line);
        found += here;
    }
    fclose(maps);
    close(fd);
    printf("%s: %llu of %.1f MiB\n", when, (unsigned long long)found, (double)looked / 1048576);
    return found;
}

/* The search finds what there is: each form, planted for the purpose. */
static int search_works(void) {
    enum { RUN = 80 };
    static uint8_t packed[RUN / 8 + 1], bytes[RUN], signs[RUN];
    static uint64_t words[RUN];
    finding before = {0};
    for (uint64_t i = 0; i < RUN; i++) {
        const unsigned bit = state_of(i * STEP) & 1;
        packed[(i + 3) / 8] |= (uint8_t)(bit << (i + 3) % 8);
        bytes[i] = (uint8_t)(0xA0 | bit);
        signs[i] = (uint8_t)(bit ? 0x85 : 0x13);
        words[i] = i << 8 | bit;
    }
    look(&before, packed, sizeof packed);
    const int packed_found = before.packed > 0;
    look(&before, bytes, sizeof bytes);
    look(&before, signs, sizeof signs);
    look(&before, (const uint8_t *)words, sizeof words);
    memset(packed, 0, sizeof packed);
    memset(bytes, 0, sizeof bytes);
    memset(signs, 0, sizeof signs);
    memset(words, 0, sizeof words);
    return packed_found && before.bytes && before.signs && before.words;
}

/* ---- the link */

static ks_status give_states(void *context, ks_state *out, const uint64_t *slots, size_t n) {
    (void)context;
    for (size_t i = 0; i < n; i++)
        out[i] = state_of(slots[i]);
    return KS_OK;
}

static void open_pool(end *e) {
    static uint8_t psk[KS_PSK_BYTES] = "both ends share this";
    size_t bytes = 0;
    require(ks_pool_image_from_psk(NULL, &bytes, psk, sizeof psk));
    uint8_t *image = malloc(bytes);
    require(ks_pool_image_from_psk(image, &bytes, psk, sizeof psk));
    require(ks_pool_open(&e->pool, image, bytes, 16));
    free(image);
}

/* Columns of three ones. A block is two frames: nothing of its key is published. */
static ks_code *make_code(void) {
    enum { COLUMNS = 20011, ROWS = 6007 };
    static ks_code_one ones[3 * COLUMNS];
    ks_code *code;
    for (uint32_t i = 0; i < 3 * COLUMNS; i++)
        ones[i] = (ks_code_one){(uint32_t)(i % COLUMNS * mix(i / COLUMNS + 5) % 1000003 % ROWS), i % COLUMNS};
    require(ks_code_create(&code, ROWS, COLUMNS, ones, 3 * COLUMNS));
    return code;
}

static void start(end *e, ks_role role, ks_device *device, const ks_code *code) {
    const ks_ring_config ring = {.slots = SLOTS, .key_bytes = 32};
    e->memory = mmap(NULL, ks_ring_bytes(&ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(ks_ring_writer_attach(&e->writer, e->memory, ks_ring_bytes(&ring), &ring, NULL));
    require(ks_ring_reader_attach(&e->reader, e->memory, ks_ring_bytes(&ring)));
    open_pool(e);
    ks_engine_config config = {
        .device = device, .threaded = 1, .ring = e->writer, .context = e, .states = give_states};
    ks_session_config_init(&config.session, role);
    config.session.link.block_slots = BLOCK_SLOTS;
    config.session.link.source = (ks_source){.intensities = 1, .mean = {1}, .probability = {1}};
    config.session.link.receiver = (ks_receiver){.dark_probability = 1e-6};
    config.session.link.basis_choice = KS_BASIS_ACTIVE;
    config.session.link.frame_log2 = 14;
    config.session.confirm_after_ns = 50000000;
    e->seed = 100 + (uint64_t)role;
    config.session.random = ks_random_seeded(&e->seed);
    config.session.pool = e->pool;
    config.session.code = code;
    require(ks_engine_create(&e->engine, &config));
    require(ks_engine_connected(e->engine));
}

static void *carry(void *context) {
    end *e = context;
    uint8_t *message;
    size_t bytes;
    for (;;) {
        ks_status status = ks_engine_send(e->engine, &message, &bytes);
        if (status == KS_ERR_EMPTY) {
            ks_engine_wait(e->engine, KS_ENGINE_OUTPUT | KS_ENGINE_CLOSED, 20);
            continue;
        }
        if (status != KS_OK)
            return NULL;
        while (ks_engine_receive(e->peer->engine, message, bytes) == KS_ERR_FULL)
            ks_engine_wait(e->peer->engine, KS_ENGINE_INBOX, 20);
        ks_engine_free(message);
    }
}

static void feed(end *bob) {
    for (uint64_t slot = 0; slot < BLOCKS * BLOCK_SLOTS + STEP; slot += STEP) {
        ks_detection detection = detect(slot);
        for (size_t taken = 0; taken == 0;) {
            ks_status status = ks_engine_detections(bob->engine, &detection, 1, slot + 1, &taken);
            if (status != KS_ERR_STATE) /* the peer has not answered yet */
                require(status);
            if (taken == 0)
                ks_engine_wait(bob->engine, KS_ENGINE_INPUT, 5);
        }
    }
}

/* Until both ends hold confirmed keys of all blocks. */
static int wait_for_keys(end ends[2]) {
    for (int round = 0; round < 6000; round++) {
        ks_session_totals a, b;
        ks_engine_get_totals(ends[0].engine, &a);
        ks_engine_get_totals(ends[1].engine, &b);
        if (a.blocks_with_key == BLOCKS && b.blocks_with_key == BLOCKS &&
            a.keys_confirmed == b.keys_confirmed)
            return 1;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    return 0;
}

/* Takes all keys of a ring, and looks for them from now on. */
static int take_keys(end *e) {
    static uint8_t key[32];
    ks_key_id id;
    int count = 0;
    for (; ks_ring_take(e->reader, &id, key, sizeof key) == KS_OK; count++) {
        run r = {0};
        for (int i = 0; i < 256; i++)
            add_bit(&r, key[i / 8] >> i % 8 & 1);
        end_run(&r);
    }
    ks_wipe(key, sizeof key);
    return count;
}

static int run_link(const ks_code *code) {
    static end ends[2];
    pthread_t carriers[2];
    ks_device *device;
    require(ks_device_open_cpu(&device, 2));
    for (int role = 0; role < 2; role++) {
        ends[role].peer = &ends[!role];
        start(&ends[role], (ks_role)role, device, code);
    }
    for (int role = 0; role < 2; role++)
        if (pthread_create(&carriers[role], NULL, carry, &ends[role]) != 0)
            return 0;
    feed(&ends[KS_BOB]);
    const int ended = wait_for_keys(ends);
    uint64_t found = look_everywhere("raw, sifted and corrected keys after their blocks");
    const int keys = take_keys(&ends[0]), theirs = take_keys(&ends[1]);
    printf("%d keys\n", keys);
    found += look_everywhere("all keys after they were taken");
    ks_engine_finish(ends[KS_BOB].engine);
    for (int role = 0; role < 2; role++)
        (void)pthread_join(carriers[role], NULL);
    for (int role = 0; role < 2; role++) {
        ks_engine_destroy(ends[role].engine);
        ks_ring_detach(ends[role].reader);
        ks_ring_detach(ends[role].writer);
        ks_pool_close(ends[role].pool);
    }
    ks_device_close(device);
    found += look_everywhere("all keys after the end");
    return ended && keys > 0 && keys == theirs && found == 0;
}

int main(int argc, char **argv) {
#ifdef SANITIZED
    (void)argc;
    (void)argv;
    puts("skipped: a sanitizer keeps freed memory and shadows");
    return 0;
#endif
    plant_sequences();
    if (!search_works()) {
        fputs("the search does not find what is there\n", stderr);
        return 1;
    }
    ks_code *code = argc > 1 && strcmp(argv[1], "imported") == 0 ? make_code() : NULL;
    const int passed = run_link(code);
    ks_code_destroy(code);
    return passed ? 0 : 1;
}
