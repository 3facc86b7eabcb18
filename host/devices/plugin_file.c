/* SPDX-License-Identifier: Apache-2.0 */
#include "host/devices/plugin_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/status.h"

/* ---- where */

static ks_status join(char *out, size_t room, const char *folder, const char *name) {
    int length = snprintf(out, room, "%s%s", folder, name);
    return length >= 0 && (size_t)length < room ? KS_OK : ks_fail(KS_ERR_LIMIT, "a path of %d bytes", length);
}

/* The folder of the running program, with a slash at its end; empty when that cannot be told. */
static void program_folder(char *out, size_t room) {
    ssize_t length = readlink("/proc/self/exe", out, room - 1);
    out[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        slash[1] = '\0';
    else
        out[0] = '\0';
}

static int is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

ks_status ks_plugin_folder(char *out, size_t room, const char *chosen) {
    static const char tree[] = KS_BUILD_TREE "/", relative[] = KS_PLUGINS_RELATIVE,
                      fixed[] = KS_PLUGINS_FIXED;
    if (chosen && chosen[0] != '/')
        return ks_fail(KS_ERR_ARGUMENT, "plugin folder %.200s: an absolute path is needed", chosen);
    if (chosen)
        return join(out, room, chosen, "");
    char here[PATH_MAX];
    program_folder(here, sizeof here);
    if (getauxval(AT_SECURE) || !here[0])
        return join(out, room, fixed, "");
    if (strncmp(here, tree, sizeof tree - 1) == 0)
        return join(out, room, tree, "plugins");
    if (join(out, room, here, relative) == KS_OK && is_folder(out))
        return KS_OK;
    return join(out, room, fixed, "");
}

/* ---- whether */

/* Nobody but root and this user could have put it there. */
static ks_status check_owner(const char *path, int folder) {
    struct stat info;
    if (stat(path, &info) != 0)
        return errno == ENOENT ? ks_fail(KS_ERR_UNAVAILABLE, "not installed: there is no %.300s", path)
                               : ks_fail(KS_ERR_UNAVAILABLE, "%.300s: %s", path, strerror(errno));
    if (folder ? !S_ISDIR(info.st_mode) : !S_ISREG(info.st_mode))
        return ks_fail(KS_ERR_UNAVAILABLE, "%.300s is no %s", path, folder ? "folder" : "regular file");
    if (info.st_uid != 0 && info.st_uid != geteuid())
        return ks_fail(KS_ERR_UNAVAILABLE, "%.300s belongs to user %lu, neither root nor this user", path,
                       (unsigned long)info.st_uid);
    if (info.st_mode & 022)
        return ks_fail(KS_ERR_UNAVAILABLE, "%.300s has mode %03o: others than its owner may write it", path,
                       (unsigned)info.st_mode & 0777);
    return KS_OK;
}

static ks_status check_kind(const ks_plugin *plugin, const char *path, const char *backend) {
    if (plugin->abi_version != KS_PLUGIN_ABI || plugin->struct_size != sizeof *plugin)
        return ks_fail(KS_ERR_UNAVAILABLE, "%.300s has plugin interface %u of %u bytes, this is %d of %zu",
                       path, plugin->abi_version, plugin->struct_size, KS_PLUGIN_ABI, sizeof *plugin);
    if (strcmp(plugin->version, ks_version()) != 0)
        return ks_fail(KS_ERR_UNAVAILABLE, "%.300s is of Keystill %.40s, this is %s", path, plugin->version,
                       ks_version());
    if (strcmp(plugin->backend, backend) != 0)
        return ks_fail(KS_ERR_UNAVAILABLE, "%.300s calls itself %.40s", path, plugin->backend);
    return KS_OK;
}

ks_status ks_plugin_load(const ks_plugin **out, const char *folder, const char *backend) {
    *out = NULL;
    char name[64], path[PATH_MAX];
    (void)snprintf(name, sizeof name, "/keystill-%.32s.so", backend);
    KS_TRY(join(path, sizeof path, folder, name));
    KS_TRY(check_owner(folder, 1));
    KS_TRY(check_owner(path, 0));
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        return ks_fail(KS_ERR_UNAVAILABLE, "%.400s", reason ? reason : path);
    }
    const ks_plugin *(*get)(void);
    void *at = dlsym(library, "ks_plugin_get");
    if (!at) {
        (void)dlclose(library);
        return ks_fail(KS_ERR_UNAVAILABLE, "%.300s is no Keystill plugin", path);
    }
    memcpy(&get, &at, sizeof at); /* a function pointer through void: what POSIX asks of dlsym */
    const ks_plugin *plugin = get();
    KS_TRY(check_kind(plugin, path, backend));
    *out = plugin;
    return KS_OK;
}
