/* SPDX-License-Identifier: Apache-2.0 */
/* The same from C++17, with the owner's idiom for handles. */
#include <keystill/keystill.h>
#include <keystill/ring_host.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace {
void require(ks_status status) {
    if (status != KS_OK)
        throw std::runtime_error(std::string(ks_status_name(status)) + ": " + ks_error_detail());
}
struct close_map {
    void operator()(ks_ring_map *map) const { ks_ring_map_close(map); }
};
using ring_map = std::unique_ptr<ks_ring_map, close_map>;
} // namespace

int main(int argc, char **argv) try {
    const char *name = argc > 1 ? argv[1] : "embed-cxx";
    ks_ring_config config{};
    config.slots = 8;
    config.key_bytes = 32;
    ks_ring_map *handle = nullptr;
    require(ks_ring_map_create(&handle, name, &config, nullptr));
    ring_map writer(handle);
    require(ks_ring_map_open(&handle, name));
    ring_map reader(handle);

    const ks_key_id id{{7}};
    std::array<std::uint8_t, 32> key{}, copy{};
    key.fill(0xa5);
    require(ks_ring_append(ks_ring_map_ring(writer.get()), &id, 1, 1, key.data()));
    ks_ring_confirm(ks_ring_map_ring(writer.get()), 1, 1);
    require(ks_ring_take_id(ks_ring_map_ring(reader.get()), &id, copy.data(), copy.size()));
    reader.reset();
    writer.reset();
    require(ks_ring_map_remove(name));
    std::printf("keystill %s from C++\n", ks_version());
    return key == copy ? 0 : 1;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
