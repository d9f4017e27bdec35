# SPDX-License-Identifier: Apache-2.0
# A thin front of CMake (CMakePresets.json has the variants). `make help` lists the targets.
BUILD := build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
TESTS ?= .
BENCH ?=
GATE ?=
configure := cmake --log-level=WARNING --preset

.PHONY: all demo test arm64 lint fuzz bench bench-train bench-kernels gate install clean help
all:
	@$(configure) release
	@cmake --build $(BUILD) --parallel $(JOBS)

demo:
	@cmake/bootstrap.sh build
	@$(configure) release
	@cmake --build $(BUILD) --parallel $(JOBS) --target mobilenet_tool
	@examples/demo.sh $(BUILD)

test:
	@cmake/bootstrap.sh build test
	@$(MAKE) --no-print-directory all
	@ctest --preset release --parallel $(JOBS) --tests-regex '$(TESTS)'

# Both processors on one build: with everything, and with plain NEON.
# Whole trainings, minutes each under an emulator, have no kernels of ARM's own.
arm64: SLOW = test_training_(tasks_|unfold_)?threads
arm64:
	@cmake/bootstrap.sh build arm64
	@cmake/arm64_sysroot.sh
	@$(configure) arm64
	@cmake --build --preset arm64 --parallel $(JOBS)
	@ctest --preset arm64 --parallel $(JOBS) --tests-regex '$(TESTS)' --exclude-regex '$(SLOW)'
	@ctest --preset arm64-plain --parallel $(JOBS) --tests-regex '$(TESTS)' --exclude-regex '$(SLOW)'

lint:
	@cmake/bootstrap.sh build test clang
	@$(MAKE) --no-print-directory all
	@ctest --preset release --label-regex lint

fuzz:
	@cmake/bootstrap.sh build test clang
	@$(configure) fuzz
	@cmake --build --preset fuzz --parallel $(JOBS)
	@tests/fuzz/run.sh build-fuzz $(FUZZ_SECONDS)

bench: all
	@cmake --build $(BUILD) --target zoo_file >/dev/null
	@"$$(bench/environment.sh)" bench/peers.py --build $(BUILD) --remake \
	  --json $(BUILD)/bench/peers.jsonl --svg $(BUILD)/bench/peers.svg \
	  --markdown $(BUILD)/bench/peers.md $(BENCH)

bench-train: all
	@cmake --build $(BUILD) --target train_bench >/dev/null
	@"$$(bench/environment.sh torch)" bench/train_peers.py --build $(BUILD) \
	  --json $(BUILD)/bench/train.jsonl --svg $(BUILD)/bench/train.svg \
	  --markdown $(BUILD)/bench/train.md $(BENCH)

gate: all
	@cmake --build $(BUILD) --target zoo_file gate >/dev/null
	@"$$(bench/environment.sh)" bench/networks.py $(BUILD)/bench/files $(BUILD) \
	  v1 v2 v3-large v3-small v1-0.25-128 v2-0.35-96
	@$(BUILD)/bench/gate $(BUILD)/bench/files $(GATE)

bench-kernels: all
	@cmake --build $(BUILD) --target kernel_bench >/dev/null && $(BUILD)/bench/kernel_bench

install: all
	@cmake --install $(BUILD) --prefix '$(PREFIX)' --strip

clean:
	@rm -rf $(BUILD) build-*

help:
	@echo 'make           builds $(BUILD)/mobilenet, $(BUILD)/libmobilenet.a and .so'
	@echo 'make demo      classifies a photo; installs what the build needs first'
	@echo 'make test      all tests (TESTS=regex for some); installs what they need first'
	@echo 'make arm64     the same for 64-bit ARM, with a cross compiler, run by qemu-user'
	@echo 'make lint      the rules of the house alone'
	@echo 'make fuzz      every file reader against libFuzzer, FUZZ_SECONDS=60 each'
	@echo 'make bench     ours beside LiteRT, ONNX Runtime, OpenVINO, ncnn, MNN (BENCH="--network v2" for some)'
	@echo 'make bench-train     training steps beside PyTorch (BENCH="--case v2-1.0-32" for some)'
	@echo 'make bench-kernels   every kernel beside what this CPU can reach'
	@echo 'make gate      memory, start-up, threads, batches, idling: what must hold (GATE=memory for some)'
	@echo 'make install   PREFIX=/usr/local, DESTDIR respected'
	@echo 'make clean     removes every build folder'
