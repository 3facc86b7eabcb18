/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices to compute on. */
#include <keystill/device_select.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/status.h"

enum { BACKEND_BYTES = 16 };

typedef struct choice {
    struct {
        char backend[BACKEND_BYTES];
        size_t index;
    } items[KS_GROUP_MEMBERS_MAX];
    size_t count;
} choice;

/* "opencl", "cuda:1", ... of `length` bytes. */
static ks_status parse_item(choice *c, const char *text, size_t length) {
    if (c->count == KS_GROUP_MEMBERS_MAX)
        return ks_fail(KS_ERR_ARGUMENT, "more than %d devices", (int)KS_GROUP_MEMBERS_MAX);
    const char *colon = memchr(text, ':', length);
    const size_t name = colon ? (size_t)(colon - text) : length;
    if (name == 0 || name >= BACKEND_BYTES)
        return ks_fail(KS_ERR_ARGUMENT, "\"%.*s\" is no backend: auto, cpu, opencl[:N], cuda[:N]",
                       (int)length, text);
    memcpy(c->items[c->count].backend, text, name);
    c->items[c->count].backend[name] = 0;
    size_t index = 0, digits = 0;
    for (const char *p = colon ? colon + 1 : text + length; p < text + length; p++, digits++) {
        if (*p < '0' || *p > '9' || digits > 3)
            return ks_fail(KS_ERR_ARGUMENT, "\"%.*s\": a device number follows the colon", (int)length, text);
        index = 10 * index + (size_t)(*p - '0');
    }
    if (colon && !digits)
        return ks_fail(KS_ERR_ARGUMENT, "\"%.*s\": a device number follows the colon", (int)length, text);
    c->items[c->count++].index = index;
    return KS_OK;
}

static ks_status check_twins(const choice *c) {
    for (size_t i = 0; i < c->count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(c->items[k].backend, c->items[i].backend) == 0 &&
                c->items[k].index == c->items[i].index)
                return ks_fail(KS_ERR_ARGUMENT, "%s:%zu is named twice", c->items[i].backend,
                               c->items[i].index);
    return KS_OK;
}

static ks_status parse(choice *c, const char *text) {
    c->count = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        KS_TRY(parse_item(c, at, length));
        at += length;
        if (!*at)
            return check_twins(c);
    }
}

static const ks_tuning *tuned(const ks_tuning *tunings, size_t count, const char *backend, size_t index) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(tunings[i].backend, backend) == 0 && tunings[i].index == index)
            return &tunings[i];
    return NULL;
}

/* auto: present devices, best first, the processor last. */
static ks_status candidates(choice *c, const ks_tuning *tunings, size_t tuning_count,
                            const ks_devices_options *options) {
    ks_device_entry *entries = calloc(KS_DEVICES_MAX, sizeof *entries);
    if (!entries)
        return ks_fail(KS_ERR_MEMORY, "no memory for a list of devices");
    size_t count;
    ks_status status = ks_devices_list(entries, KS_DEVICES_MAX, &count, options);
    count = count < KS_DEVICES_MAX ? count : KS_DEVICES_MAX;
    const ks_tuning *cpu = tuned(tunings, tuning_count, "cpu", 0);
    double speed[KS_GROUP_MEMBERS_MAX];
    c->count = 0;
    for (size_t i = 1; i < count && status == KS_OK && c->count + 1 < KS_GROUP_MEMBERS_MAX; i++) {
        const ks_device_entry *e = &entries[i];
        const ks_tuning *t = tuned(tunings, tuning_count, e->backend, e->index);
        if (!e->usable || (t && strcmp(t->name, e->info.name) != 0))
            t = NULL;
        /* What was measured slower than the processor, or runs on it anyway, is not taken unasked. */
        if (!e->usable || !(e->info.flags & KS_DEVICE_GPU) ||
            (t && cpu && t->speed[KS_OP_DECODE] < cpu->speed[KS_OP_DECODE]))
            continue;
        double now = t ? t->speed[KS_OP_DECODE] : 0;
        size_t at = c->count++;
        for (; at > 0 && speed[at - 1] < now; at--) {
            c->items[at] = c->items[at - 1];
            speed[at] = speed[at - 1];
        }
        speed[at] = now;
        memcpy(c->items[at].backend, e->backend, sizeof e->backend);
        c->items[at].index = e->index;
    }
    free(entries);
    memcpy(c->items[c->count].backend, "cpu", sizeof "cpu");
    c->items[c->count++].index = 0;
    return status;
}

static ks_status open_tested(ks_device **out, const char *backend, size_t index,
                             const ks_select_options *options) {
    KS_TRY(ks_devices_open(out, backend, index, &options->devices));
    ks_status status = ks_device_selftest(*out);
    if (status == KS_OK)
        return KS_OK;
    ks_device_close(*out);
    *out = NULL;
    return ks_fail_in(status, "%s:%zu failed its self-test", backend, index);
}

/* Opens the items of *c: all of them, or with `any` the first that can be used. */
static ks_status open_items(ks_group_member *members, size_t *opened, const choice *c, int any,
                            const ks_tuning *tunings, size_t tuning_count, const ks_select_options *options) {
    ks_status status = KS_ERR_UNAVAILABLE;
    *opened = 0;
    for (size_t i = 0; i < c->count; i++) {
        status = open_tested(&members[*opened].device, c->items[i].backend, c->items[i].index, options);
        if (status == KS_OK) {
            const ks_tuning *t = tuned(tunings, tuning_count, c->items[i].backend, c->items[i].index);
            if (t)
                memcpy(members[*opened].speed, t->speed, sizeof t->speed);
            ++*opened;
        }
        if ((status == KS_OK) == any)
            break;
    }
    if (status == KS_OK || (any && *opened))
        return KS_OK;
    for (size_t i = 0; i < *opened; i++)
        ks_device_close(members[i].device);
    return status;
}

static int is_cpu(const ks_device *device) {
    return strcmp(device->vtable->backend, "cpu") == 0;
}

static ks_status make_group(ks_device **out, ks_group_member *members, size_t count,
                            const ks_select_options *options) {
    ks_device *fallback = NULL;
    for (size_t i = 0; i < count; i++)
        if (is_cpu(members[i].device))
            fallback = members[i].device;
    const int own = fallback == NULL;
    ks_status status = own ? open_tested(&fallback, "cpu", 0, options) : KS_OK;
    if (status == KS_OK)
        status = ks_device_group_open(out, members, count, fallback, options->lost, options->context);
    if (status == KS_OK)
        return KS_OK;
    for (size_t i = 0; i < count; i++)
        ks_device_close(members[i].device);
    if (own)
        ks_device_close(fallback);
    return status;
}

ks_status ks_devices_select(ks_device **out, const char *text, const ks_select_options *options) {
    *out = NULL;
    const int automatic = strcmp(text, "auto") == 0;
    ks_tuning *tunings = calloc(KS_DEVICES_MAX, sizeof *tunings);
    if (!tunings)
        return ks_fail(KS_ERR_MEMORY, "no memory for the tuning file");
    size_t tuning_count, opened = 0;
    choice c;
    ks_group_member members[KS_GROUP_MEMBERS_MAX] = {{0}};
    ks_status status = ks_tuning_read(tunings, KS_DEVICES_MAX, &tuning_count, options->tuning);
    if (status == KS_OK)
        status = automatic ? candidates(&c, tunings, tuning_count, &options->devices) : parse(&c, text);
    if (status == KS_OK)
        status = open_items(members, &opened, &c, automatic, tunings, tuning_count, options);
    free(tunings);
    KS_TRY(status);
    if (opened == 1 && is_cpu(members[0].device)) {
        *out = members[0].device;
        return KS_OK;
    }
    return make_group(out, members, opened, options);
}
