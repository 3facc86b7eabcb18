/* SPDX-License-Identifier: Apache-2.0 */
#include <keystill/states.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/formats/states_object.h"
#include "pipeline/status.h"

static ks_status map_file(void **mapping, size_t *bytes, int fd) {
    struct stat info;
    if (fstat(fd, &info) != 0)
        return ks_fail(KS_ERR_IO, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode))
        return ks_fail(KS_ERR_IO, "not a regular file");
    if (info.st_size < KS_STATES_FIXED_BYTES)
        return ks_fail(KS_ERR_FORMAT, "states: expected a header of at least %d bytes, found %lld",
                       KS_STATES_FIXED_BYTES, (long long)info.st_size);
    *bytes = (size_t)info.st_size;
    *mapping = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (*mapping == MAP_FAILED)
        return ks_fail(KS_ERR_IO, "mmap: %s", strerror(errno));
    (void)madvise(*mapping, *bytes, MADV_DONTDUMP);
    return KS_OK;
}

ks_status ks_states_open_file(ks_states **out, const char *path) {
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ks_fail(KS_ERR_IO, "%s: %s", path, strerror(errno));
    void *mapping = NULL;
    size_t bytes = 0;
    ks_status status = map_file(&mapping, &bytes, fd);
    close(fd);
    if (status != KS_OK)
        return ks_fail_in(status, "%s", path);
    status = ks_states_open(out, mapping, bytes);
    if (status != KS_OK) {
        munmap(mapping, bytes);
        return ks_fail_in(status, "%s", path);
    }
    (*out)->mapping = mapping;
    (*out)->mapping_bytes = bytes;
    return KS_OK;
}
