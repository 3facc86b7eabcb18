# Targets for people: make, make demo, make test, make test-long, make test-sanitize, make install, make format.
# `make` and `make build` never install anything; `make demo` and `make test` install what is missing (Debian, as root).
BUILD ?= build
JOBS  ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: all build setup demo test test-long test-sanitize install format clean

all: build

build:
	cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release
	cmake --build $(BUILD) -j $(JOBS)

setup:
	sh cmake/setup.sh

demo: setup build
	$(BUILD)/keystill link --preset metro-10km

test: setup
	cmake -S . -B $(BUILD)-test -DCMAKE_BUILD_TYPE=Release -DKS_TESTS=ON -DKS_WERROR=ON
	cmake --build $(BUILD)-test -j $(JOBS)
	cd $(BUILD)-test && ctest --output-on-failure -j $(JOBS)

install: build
	cmake --install $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-test $(BUILD)-sanitize
