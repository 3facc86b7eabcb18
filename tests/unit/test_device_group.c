/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of devices: sharing by speed, devices that fail, fallback. The devices here have no threads; poll
 * does the work. */
#include <criterion/criterion.h>
#include <keystill/device_group.h>

#include <stdlib.h>
#include <string.h>

#include "ldpc/ldpc.h"

typedef struct fake {
    ks_device device;
    ks_job *waiting[64];
    size_t count, done_frames, jobs, closed;
    size_t fail_after; /* jobs it does before it is lost */
    int no_hash, no_codes;
} fake;

static int fake_supports(const ks_device *device, ks_op op) {
    return !(((const fake *)device)->no_hash && op == KS_OP_HASH);
}

static ks_status fake_submit(ks_device *device, ks_job *job) {
    fake *f = (fake *)device;
    if (f->no_codes && job->as.frames.tasks[0].code)
        return KS_ERR_UNSUPPORTED;
    __atomic_store_n(&job->done, 0, __ATOMIC_RELAXED);
    f->waiting[f->count++] = job;
    return KS_OK;
}

static int fake_poll(ks_device *device) {
    fake *f = (fake *)device;
    if (!f->count)
        return 0;
    ks_job *job = f->waiting[--f->count];
    job->busy_ns = 1000;
    job->status = f->jobs++ < f->fail_after ? KS_OK : KS_ERR_UNAVAILABLE;
    if (job->status == KS_OK && job->op == KS_OP_DECODE)
        for (size_t i = 0; i < job->as.frames.count; i++, f->done_frames++)
            job->as.frames.tasks[i].converged++;
    if (job->status == KS_OK && job->op == KS_OP_HASH)
        job->as.hash.tag[0]++;
    __atomic_store_n(&job->done, 1, __ATOMIC_RELEASE);
    if (job->wake)
        job->wake(job->wake_context);
    return 1;
}

static void fake_wait(ks_device *device, ks_job *job) {
    while (!ks_job_done(job))
        (void)fake_poll(device);
}

static void fake_close(ks_device *device) {
    ((fake *)device)->closed++;
}

static const ks_device_vtable fake_vtable = {.abi_version = KS_BACKEND_ABI,
                                             .struct_size = sizeof(ks_device_vtable),
                                             .backend = "fake",
                                             .supports = fake_supports,
                                             .submit = fake_submit,
                                             .poll = fake_poll,
                                             .wait = fake_wait,
                                             .close = fake_close};

static fake fresh(size_t fail_after) {
    return (fake){.device = {.vtable = &fake_vtable, .name = "fake"}, .fail_after = fail_after};
}

static void note_loss(void *context, const ks_device *device) {
    (void)device;
    ++*(int *)context;
}

static void decode_by(const ks_code *code, ks_device *group, size_t frames) {
    ks_frame_task tasks[32] = {{0}};
    for (size_t i = 0; i < frames; i++) {
        tasks[i].code = code;
        tasks[i].log2n = 14;
    }
    ks_job job = {.op = KS_OP_DECODE, .as.frames = {tasks, frames}};
    cr_assert_eq(ks_device_submit(group, &job), KS_OK);
    ks_device_wait(group, &job);
    cr_assert_eq(job.status, KS_OK);
    for (size_t i = 0; i < frames; i++)
        cr_assert_eq(tasks[i].converged, 1, "frame %zu was done %d times", i, tasks[i].converged);
}

static void decode(ks_device *group, size_t frames) {
    decode_by(NULL, group, frames);
}

Test(device_group, frames_are_shared_by_speed) {
    fake a = fresh(99), b = fresh(99);
    ks_group_member members[2] = {{.device = &a.device, .speed = {[KS_OP_DECODE] = 3e6}},
                                  {.device = &b.device, .speed = {[KS_OP_DECODE] = 1e6}}};
    ks_device *group;
    cr_assert_eq(ks_device_group_open(&group, members, 2, NULL, NULL, NULL), KS_OK);
    decode(group, 8);
    cr_assert_eq(a.done_frames, 6);
    cr_assert_eq(b.done_frames, 2);
    cr_assert_gt(ks_device_group_speed(group, 0, KS_OP_DECODE), 3e6, "what was measured is learned");
    ks_device_close(group);
    cr_assert_eq(a.closed + b.closed, 2);
}

Test(device_group, a_lost_device_is_told_once_and_its_work_done_by_the_fallback) {
    fake a = fresh(1), cpu = fresh(99);
    ks_group_member members[1] = {{.device = &a.device}};
    ks_device *group;
    int losses = 0;
    cr_assert_eq(ks_device_group_open(&group, members, 1, &cpu.device, note_loss, &losses), KS_OK);
    decode(group, 5);
    cr_assert_eq(cpu.done_frames, 0);
    for (int i = 0; i < 3; i++)
        decode(group, 5);
    cr_assert_eq(losses, 1);
    cr_assert_eq(a.jobs, 2, "a lost device gets no more work");
    cr_assert_eq(cpu.done_frames, 15);
    ks_device_close(group);
    cr_assert_eq(cpu.closed, 1);
}

Test(device_group, without_a_fallback_the_job_fails) {
    fake a = fresh(0);
    ks_group_member members[1] = {{.device = &a.device}};
    ks_device *group;
    cr_assert_eq(ks_device_group_open(&group, members, 1, NULL, NULL, NULL), KS_OK);
    ks_frame_task task = {.log2n = 14};
    ks_job job = {.op = KS_OP_DECODE, .as.frames = {&task, 1}};
    cr_assert_eq(ks_device_submit(group, &job), KS_OK);
    ks_device_wait(group, &job);
    cr_assert_eq(job.status, KS_ERR_UNAVAILABLE);
    cr_assert_eq(task.converged, 0);
    cr_assert_eq(ks_device_submit(group, &job), KS_OK);
    ks_device_wait(group, &job);
    cr_assert_eq(job.status, KS_ERR_UNAVAILABLE);
    ks_device_close(group);
}

Test(device_group, what_a_device_does_not_offer_goes_elsewhere) {
    fake a = fresh(99), cpu = fresh(99);
    a.no_hash = 1;
    ks_group_member members[2] = {{.device = &a.device}, {.device = &cpu.device}};
    ks_device *group;
    cr_assert_eq(ks_device_group_open(&group, members, 2, &cpu.device, NULL, NULL), KS_OK);
    uint8_t tag[16] = {0};
    ks_job job = {.op = KS_OP_HASH, .as.hash = {.tag = tag, .n = 1000}};
    cr_assert_eq(ks_device_submit(group, &job), KS_OK);
    ks_device_wait(group, &job);
    cr_assert_eq(tag[0], 1);
    cr_assert_eq(a.jobs, 0);
    ks_device_close(group);
    cr_assert_eq(cpu.closed, 1, "a fallback that is a member is closed once");
}

Test(device_group, imported_codes_go_to_the_fallback_where_a_device_refuses_them) {
    const ks_code code = {.rows = 10, .columns = 100};
    fake a = fresh(99), cpu = fresh(99);
    a.no_codes = 1;
    ks_group_member members[1] = {{.device = &a.device}};
    ks_device *group;
    int losses = 0;
    cr_assert_eq(ks_device_group_open(&group, members, 1, &cpu.device, note_loss, &losses), KS_OK);
    decode_by(&code, group, 5);
    cr_assert_eq(cpu.done_frames, 5);
    decode(group, 5);
    cr_assert_eq(a.done_frames, 5, "it is there for the family's codes");
    cr_assert_eq(losses, 0);
    ks_device_close(group);
}

Test(device_group, real_devices_give_the_same_syndromes_alone_and_together) {
    ks_device *alone, *pair[2], *group;
    cr_assert_eq(ks_device_open_cpu(&alone, 1), KS_OK);
    cr_assert_eq(ks_device_open_cpu(&pair[0], 1), KS_OK);
    cr_assert_eq(ks_device_open_cpu(&pair[1], 2), KS_OK);
    ks_group_member members[2] = {{.device = pair[0]}, {.device = pair[1]}};
    cr_assert_eq(ks_device_group_open(&group, members, 2, pair[0], NULL, NULL), KS_OK);
    uint16_t rate;
    cr_assert_eq(ks_ldpc_pick(&rate, 14, 0.05, 1 << 14, KS_LDPC_BALANCED), KS_OK);
    enum { FRAMES = 7, WORDS = 1 << 8 };
    uint64_t(*frame)[WORDS] = malloc(FRAMES * sizeof *frame), (*got)[2][WORDS] = calloc(FRAMES, sizeof *got);
    ks_frame_task tasks[2][FRAMES] = {{{0}}};
    for (size_t i = 0; i < FRAMES; i++) {
        for (size_t w = 0; w < WORDS; w++)
            frame[i][w] = (i + 1) * 0x9E3779B97F4A7C15u * (w + 3);
        for (int k = 0; k < 2; k++)
            tasks[k][i] = (ks_frame_task){
                .frame = frame[i], .syndrome = got[i][k], .real_bits = 1 << 14, .rate = rate, .log2n = 14};
    }
    ks_device *devices[2] = {alone, group};
    for (int k = 0; k < 2; k++) {
        ks_job job = {.op = KS_OP_SYNDROME, .as.frames = {tasks[k], FRAMES}};
        cr_assert_eq(ks_device_submit(devices[k], &job), KS_OK);
        ks_device_wait(devices[k], &job);
        cr_assert_eq(job.status, KS_OK);
    }
    for (size_t i = 0; i < FRAMES; i++)
        cr_assert_arr_eq(got[i][0], got[i][1], sizeof got[i][0]);
    cr_assert_neq(got[0][0][0], 0);
    free(frame);
    free(got);
    ks_device_close(group);
    ks_device_close(alone);
}
