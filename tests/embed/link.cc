/* SPDX-License-Identifier: Apache-2.0 */
/* A whole link in one C++ program: two engines with threads of their own, one thread that carries messages. */
#include <keystill/entropy.h>
#include <keystill/keystill.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr std::uint64_t block_slots = 1u << 19, blocks = 2;
using key = std::array<std::uint8_t, 32>;

void require(ks_status status) {
    if (status != KS_OK)
        throw std::runtime_error(std::string(ks_status_name(status)) + ": " + ks_error_detail());
}

std::uint64_t mix(std::uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

// Alice's state of a slot: a random bit, the test basis (1) once in four.
ks_state state_of(std::uint64_t slot) {
    const auto r = mix(slot + 1);
    return static_cast<ks_state>((r & 1) | static_cast<unsigned>((r >> 8 & 3) == 0) << 1);
}

// One slot in nine is detected, in a basis of Bob's choice, with 1.5 % errors where the bases agree.
ks_detection detect(std::uint64_t slot) {
    const auto r = mix(slot * 7 + 3);
    const unsigned basis = (r >> 8 & 3) == 0;
    unsigned bit = r >> 10 & 1;
    if (basis == static_cast<unsigned>(state_of(slot) >> 1))
        bit = (state_of(slot) & 1u) ^ static_cast<unsigned>((r >> 20) % 1000 < 15);
    return ks_detection_make(slot, basis, bit, 0);
}

class end {
  public:
    end(ks_role role, ks_device *device) : seed_(100u + static_cast<unsigned>(role)) {
        open_pool();
        ks_engine_config config{};
        ks_session_config_init(&config.session, role);
        auto &link = config.session.link;
        link.block_slots = block_slots;
        link.source.intensities = 1; // single photons
        link.source.mean[0] = link.source.probability[0] = 1;
        link.receiver = ks_receiver{0, 0, 1e-6, 0};
        link.basis_choice = KS_BASIS_ACTIVE;
        link.frame_log2 = 14;
        config.session.random = ks_random_seeded(&seed_); // a test: use ks_random_system()
        config.session.pool = pool_.get();
        config.device = device;
        config.threaded = 1;
        config.context = this;
        config.states = [](void *, ks_state *out, const std::uint64_t *slots, std::size_t n) {
            for (std::size_t i = 0; i < n; i++)
                out[i] = state_of(slots[i]);
            return KS_OK;
        };
        config.on_key = [](void *context, const ks_key_id *, const std::uint8_t *bytes, std::size_t n) {
            key k{};
            std::copy_n(bytes, std::min(n, k.size()), k.begin());
            static_cast<end *>(context)->keys_.push_back(k);
        };
        ks_engine *engine = nullptr;
        require(ks_engine_create(&engine, &config));
        engine_.reset(engine);
        require(ks_engine_connected(engine));
    }

    // Carries what this end has to say to the other one; false when it will say no more.
    bool carry_to(end &other) {
        std::uint8_t *message = nullptr;
        std::size_t bytes = 0;
        ks_status status;
        while ((status = ks_engine_send(engine_.get(), &message, &bytes)) == KS_OK) {
            const std::unique_ptr<std::uint8_t, void (*)(std::uint8_t *)> owner(message, ks_engine_free);
            while ((status = ks_engine_receive(other.engine_.get(), message, bytes)) == KS_ERR_FULL)
                ks_engine_wait(other.engine_.get(), KS_ENGINE_INBOX, 10);
            if (status != KS_ERR_CLOSED)
                require(status);
        }
        return status != KS_ERR_CLOSED;
    }

    bool give(ks_detection detection) {
        std::size_t taken = 0;
        const auto slot = ks_detection_slot(detection);
        require(ks_engine_detections(engine_.get(), &detection, 1, slot + 1, &taken));
        return taken == 1;
    }
    bool established() { return ks_engine_established(engine_.get()) != 0; }
    void wait() { ks_engine_wait(engine_.get(), KS_ENGINE_OUTPUT | KS_ENGINE_CLOSED, 1); }
    void finish() { ks_engine_finish(engine_.get()); }
    // Stops the engine: its thread no longer adds keys.
    std::vector<key> stop() {
        int closed = 0;
        require(ks_engine_status(engine_.get(), &closed));
        engine_.reset();
        return std::move(keys_);
    }

  private:
    void open_pool() {
        std::vector<std::uint8_t> psk(KS_PSK_BYTES); // of a real link: random bytes, kept secret
        for (std::size_t i = 0; i < psk.size(); i++)
            psk[i] = static_cast<std::uint8_t>(mix(i));
        std::size_t bytes = 0;
        require(ks_pool_image_from_psk(nullptr, &bytes, psk.data(), psk.size()));
        std::vector<std::uint8_t> image(bytes);
        require(ks_pool_image_from_psk(image.data(), &bytes, psk.data(), psk.size()));
        ks_pool *pool = nullptr;
        require(ks_pool_open(&pool, image.data(), bytes, 16));
        pool_.reset(pool);
    }

    std::uint64_t seed_;
    std::vector<key> keys_;
    std::unique_ptr<ks_pool, decltype(&ks_pool_close)> pool_{nullptr, ks_pool_close};
    std::unique_ptr<ks_engine, decltype(&ks_engine_destroy)> engine_{nullptr, ks_engine_destroy};
};

} // namespace

int main() try {
    ks_device *cpu = nullptr;
    require(ks_device_open_cpu(&cpu, 1));
    const std::unique_ptr<ks_device, decltype(&ks_device_close)> device(cpu, ks_device_close);
    end alice(KS_ALICE, cpu), bob(KS_BOB, cpu);
    std::uint64_t slot = 0;
    bool finished = false;
    for (bool alive = true; alive;) {
        const bool alice_lives = alice.carry_to(bob), bob_lives = bob.carry_to(alice);
        alive = alice_lives || bob_lives;
        if (bob.established())
            while (slot <= blocks * block_slots && bob.give(detect(slot)))
                slot += 9;
        if (slot > blocks * block_slots && !finished) {
            bob.finish();
            finished = true;
        }
        bob.wait();
    }
    const auto ours = alice.stop(), theirs = bob.stop();
    const bool same = !ours.empty() && ours == theirs;
    std::printf("%zu keys, %s at both ends\n", theirs.size(), same ? "the same" : "NOT the same");
    return same ? 0 : 1;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
