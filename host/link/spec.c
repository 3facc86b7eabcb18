/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "host/link/socket.h"
#include "pipeline/status.h"

static ks_status malformed(const char *text, const char *why) {
    return ks_fail(KS_ERR_ARGUMENT,
                   "address '%.200s': %s; expected tcp:HOST:PORT, tcp:[IPV6]:PORT or unix:PATH", text, why);
}

static int valid_port(const char *port) {
    size_t digits = strspn(port, "0123456789");
    return digits >= 1 && digits <= 5 && !port[digits] && strtoul(port, NULL, 10) <= 65535;
}

static ks_status parse_tcp(ks_spec *out, const char *text, const char *address) {
    const char *host = address, *end;
    if (*address == '[') {
        host = address + 1;
        end = strchr(host, ']');
        if (!end || end[1] != ':')
            return malformed(text, "the bracket is not closed by ]:PORT");
        address = end + 1;
    } else {
        end = strrchr(address, ':');
        if (!end)
            return malformed(text, "no port");
        if (memchr(host, ':', (size_t)(end - host)))
            return malformed(text, "an IPv6 address needs brackets");
        address = end;
    }
    size_t length = (size_t)(end - host);
    if (length >= sizeof out->host)
        return malformed(text, "the host is too long");
    if (!valid_port(address + 1))
        return malformed(text, "the port is not a number from 0 to 65535");
    memcpy(out->host, host, length);
    strcpy(out->port, address + 1);
    return KS_OK;
}

ks_status ks_spec_parse(ks_spec *out, const char *text) {
    memset(out, 0, sizeof *out);
    if (strncmp(text, "tcp:", 4) == 0)
        return parse_tcp(out, text, text + 4);
    if (strncmp(text, "unix:", 5) != 0)
        return malformed(text, "unknown transport");
    size_t length = strlen(text + 5);
    if (length == 0 || length >= sizeof((struct sockaddr_un *)0)->sun_path)
        return malformed(text, length ? "the path is too long for a Unix socket" : "no path");
    out->is_unix = 1;
    memcpy(out->host, text + 5, length);
    return KS_OK;
}
