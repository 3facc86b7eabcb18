# Targets for people: make, make demo, make test, make install; for those who change it: make check (format, both compilers,
# tests), make test-sanitize, make test-long, make format.
# `make` and `make build` never install anything; `make demo` and `make test` install what is missing (Debian, as root).
BUILD ?= build
JOBS  ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: all build setup demo test test-long test-sanitize check install format clean

all: build

build:
	cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release
	cmake --build $(BUILD) -j $(JOBS)

setup:
	sh cmake/setup.sh

demo: setup build
	$(BUILD)/keystill link --preset metro-10km

test: setup
	cmake -S . -B $(BUILD)-test -DCMAKE_BUILD_TYPE=Release -DKS_TESTS=ON -DKS_WERROR=ON -DKS_CUDA_FAST=ON
	cmake --build $(BUILD)-test -j $(JOBS)
	cd $(BUILD)-test && ctest --output-on-failure -j $(JOBS)

# Address and undefined-behaviour sanitizers over every test; the thread sanitizer over tests/threads.
test-sanitize: setup
	cmake -S . -B $(BUILD)-sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo -DKS_TESTS=ON -DKS_SANITIZE=address,undefined -DKS_CUDA=OFF
	cmake --build $(BUILD)-sanitize -j $(JOBS)
	cd $(BUILD)-sanitize && LSAN_OPTIONS=suppressions=$(CURDIR)/tests/leaks.supp:print_suppressions=0 ctest --output-on-failure -j $(JOBS)
	cmake -S . -B $(BUILD)-tsan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DKS_TESTS=ON -DKS_SANITIZE=thread -DKS_CUDA=OFF
	cmake --build $(BUILD)-tsan -j $(JOBS) $(patsubst tests/threads/%.c,--target threads_%,$(wildcard tests/threads/*.c))
	cd $(BUILD)-tsan && ctest --output-on-failure -R '^threads_'

# Hours if wanted: fuzzing (FUZZ_SECONDS a target), conformance with many seeds, every byte of every message changed. Needs clang.
FUZZ_SECONDS ?= 300
test-long: test
	sh tests/fuzz/run.sh . $(BUILD)-fuzz $(FUZZ_SECONDS)
	KS_LONG=1 $(BUILD)-test/tests/test_length_soundness
	KS_LONG=1 $(BUILD)-test/tests/test_amplify
	KS_LONG=1 $(BUILD)-test/tests/test_ldpc_words
	KS_LONG=1 $(BUILD)-test/tests/test_ldpc_thresholds
	KS_LONG=1 $(BUILD)-test/tests/test_ldpc_rates
	KS_LONG=1 $(BUILD)-test/tests/test_session_wire
	KS_LONG=1 $(BUILD)-test/tests/test_attacks
	cd $(BUILD)-test && KS_LONG=1 ctest --output-on-failure -R '^races_opencl$$'
	$(BUILD)-test/tests/mitm $(BUILD)-test/keystill long
	$(BUILD)-test/tests/kill_ends $(BUILD)-test/keystill $(CURDIR)/$(BUILD)-test/tests/libkiller.so long
	for seed in $$(seq 1000 1200); do $(BUILD)-test/tests/conformance all $$seed >/dev/null || exit 1; done

CLANG ?= $(firstword $(shell command -v clang clang-16 clang-15 clang-14 2>/dev/null))
check: test
	cmake -S . -B $(BUILD)-clang -DCMAKE_C_COMPILER=$(CLANG) -DKS_TESTS=ON -DKS_WERROR=ON -DKS_CUDA_FAST=ON
	cmake --build $(BUILD)-clang -j $(JOBS)
	git ls-files '*.c' '*.h' '*.inc' | xargs clang-format --dry-run -Werror

format:
	git ls-files '*.c' '*.h' '*.inc' | xargs clang-format -i

install: build
	cmake --install $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-test $(BUILD)-sanitize $(BUILD)-tsan $(BUILD)-fuzz $(BUILD)-clang
