/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <keystill/backend.h>

#include <string.h>

Test(device_selftest, the_processor_passes) {
    for (uint32_t threads = 0; threads < 3; threads++) {
        ks_device *device;
        cr_assert_eq(ks_device_open_cpu(&device, threads), KS_OK);
        cr_assert_eq(ks_device_selftest(device), KS_OK, "%s", ks_error_detail());
        ks_device_close(device);
    }
}

/* A device that does everything right but one bit of one operation. */
typedef struct liar {
    ks_device device;
    ks_device *honest;
    ks_op op;
    int imported; /* of imported codes alone */
} liar;

static int lie_supports(const ks_device *device, ks_op op) {
    const liar *l = (const liar *)device;
    return l->honest->vtable->supports(l->honest, op);
}

static ks_status lie_submit(ks_device *device, ks_job *job) {
    return ks_device_submit(((liar *)device)->honest, job);
}

static void lie_wait(ks_device *device, ks_job *job) {
    liar *l = (liar *)device;
    ks_device_wait(l->honest, job);
    const int frames = job->op == KS_OP_SYNDROME || job->op == KS_OP_DECODE;
    if (job->op != l->op || (l->imported && !(frames && job->as.frames.tasks[0].code)))
        return;
    if (job->op == KS_OP_SYNDROME)
        job->as.frames.tasks[job->as.frames.count - 1].syndrome[0] ^= 1;
    if (job->op == KS_OP_DECODE)
        job->as.frames.tasks[0].frame[17] ^= UINT64_C(1) << 63;
    if (job->op == KS_OP_HASH && job->as.hash.n > 1000)
        job->as.hash.tag[15] ^= 1;
    if (job->op == KS_OP_TOEPLITZ && job->as.toeplitz.n > 1000000)
        job->as.toeplitz.out[100] ^= 4;
}

Test(device_selftest, one_wrong_bit_is_found) {
    static const ks_device_vtable vtable = {.abi_version = KS_BACKEND_ABI,
                                            .struct_size = sizeof(ks_device_vtable),
                                            .backend = "liar",
                                            .supports = lie_supports,
                                            .submit = lie_submit,
                                            .wait = lie_wait};
    liar l = {.device = {.vtable = &vtable}};
    cr_assert_eq(ks_device_open_cpu(&l.honest, 1), KS_OK);
    cr_assert_eq(ks_device_selftest(&l.device), KS_OK, "%s", ks_error_detail());
    for (l.op = KS_OP_SYNDROME; l.op <= KS_OP_TOEPLITZ; l.op++) {
        cr_assert_eq(ks_device_selftest(&l.device), KS_ERR_UNAVAILABLE);
        cr_assert(strstr(ks_error_detail(), "wrong answer"), "%s", ks_error_detail());
    }
    l.imported = 1;
    for (l.op = KS_OP_SYNDROME; l.op <= KS_OP_DECODE; l.op++) {
        cr_assert_eq(ks_device_selftest(&l.device), KS_ERR_UNAVAILABLE);
        cr_assert(strstr(ks_error_detail(), "of an imported code"), "%s", ks_error_detail());
    }
    ks_device_close(l.honest);
}
