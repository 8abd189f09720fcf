# SPDX-License-Identifier: Apache-2.0
# A thin front: Meson builds, tools/ does the rest. `make help` lists the goals.
#
# Variables: PREFIX (install), T (fuzz, seconds a target), DEPS=skip (install nothing with apt),
# JOBS (tests at a time).

PREFIX ?= /usr/local
T      ?= 60
JOBS   ?= 2
VENV   := build/venv
PYTHON := $(VENV)/bin/python
export DEPS

.PHONY: all build help deps demo test test-servers test-oracles bench bench-peers soak check fuzz install wheel dist clean distclean \
        build-test package venv venv-oracles venv-peers corpus milvus-lite servers deps-demo deps-wheel deps-test deps-servers \
        deps-check deps-bench deps-peers
# The goals share build directories and print one after the other; Ninja is parallel by itself.
.NOTPARALLEL:

all: build

help:
	@echo 'make              build/millrace and build/millrace-worker (release build)'
	@echo 'make demo         install what is missing, build, ingest real photos, search them: build/demo/index.html'
	@echo 'make test         install what is missing, build, run the test suite'
	@echo 'make test-servers the tests with a real Triton and a real Milvus, which it installs in build/servers'
	@echo 'make test-oracles comparisons with reference libraries that are large: JAX'
	@echo 'make check        format, lint, clang-tidy, clang build, sanitizers, NEON, fuzz smoke'
	@echo 'make bench        the numbers of the README, on this machine'
	@echo 'make bench-peers  the same beside what others do; installs about 7 GB in build/venv-peers'
	@echo 'make bench-python the Python package against the C stream and a Pillow pool: bench/results/python.json'
	@echo 'make soak         memory of long runs and of large pictures, minutes: bench/results/memory-*.json'
	@echo 'make fuzz T=60    every fuzz target for T seconds'
	@echo 'make deps         only install (apt) what build, test and demo need; DEPS=skip turns it off'
	@echo 'make install      into PREFIX ($(PREFIX)); DESTDIR is honoured'
	@echo 'make wheel        the Python package: build/wheel/*.whl, and installed in build/site'
	@echo 'make dist         source archive in build/meson-dist/'
	@echo 'make clean        removes what was built; make distclean also the Python packages and photos'

build: build/build.ninja
	@ninja -C build

build/build.ninja:
	@command -v meson >/dev/null || { echo "meson is missing: run 'make deps'" >&2; exit 1; }
	@meson setup build --prefix='$(abspath $(PREFIX))' --libdir=lib || \
	  { echo "if a library is missing: run 'make deps'" >&2; exit 1; }

deps:
	@tools/deps.sh build test demo

# Prerequisites of the goals below come in the order in which they are named: install, then build.
deps-demo:
	@tools/deps.sh demo
deps-wheel:
	@tools/deps.sh wheel
deps-test:
	@tools/deps.sh test
deps-servers:
	@tools/deps.sh servers
deps-bench:
	@tools/deps.sh bench
deps-peers:
	@tools/deps.sh peers
deps-check:
	@tools/deps.sh check

venv:
	@tools/venv.sh $(VENV)

corpus: venv
	@$(PYTHON) tools/make_corpus.py

demo: deps-demo build corpus
	@$(PYTHON) tools/demo.py

build-test:
	@test -f build/test/build.ninja || meson setup build/test -Dtests=true
	@ninja -C build/test

package: venv
	@$(PYTHON) tools/wheel.py

wheel: deps-wheel package

# Servers of the tests, each in an environment of its own below build/servers.
milvus-lite: venv
	@$(PYTHON) tests/servers/run.py --install milvus-lite

servers: venv
	@$(PYTHON) tests/servers/run.py --install milvus milvus-lite triton

test: deps-test build-test corpus package milvus-lite
	@$(PYTHON) tools/run_tests.py --build build/test --jobs $(JOBS)

test-servers: deps-servers build-test corpus package servers
	@$(PYTHON) tools/run_tests.py --build build/test --jobs $(JOBS) --python-only --folder servers

venv-oracles:
	@tools/venv.sh build/venv-oracles oracles

test-oracles: deps-test build-test corpus venv-oracles
	@build/venv-oracles/bin/python tools/run_tests.py --build build/test --oracles

check: deps-check corpus milvus-lite
	@$(PYTHON) tools/check.py --jobs $(JOBS)

fuzz: deps-check venv
	@$(PYTHON) tools/fuzz.py --seconds $(T)

bench: deps-bench build venv
	@ninja -C build bench-programs
	@$(PYTHON) bench/make_sets.py --root build/bench/sets
	@$(PYTHON) bench/run.py --sets build/bench/sets

# A peer that cannot be installed is an error.
venv-peers:
	@tools/venv.sh build/venv-peers peers
	@CC="cc -mavx2" tools/venv.sh build/venv-peers-simd peers-simd

bench-peers: deps-peers build venv venv-peers
	@ninja -C build bench-programs
	@$(PYTHON) bench/make_sets.py --root build/bench/sets
	@$(PYTHON) bench/run_peers.py --sets build/bench/sets

bench-python: deps-wheel build package
	@ninja -C build bench-programs
	@$(PYTHON) bench/make_sets.py --root build/bench/sets
	@$(PYTHON) bench/python.py

soak: deps-demo build venv
	@$(PYTHON) bench/memory.py

# The path of the worker is compiled in, so another prefix is another build.
install: build
	@meson configure build --prefix='$(abspath $(PREFIX))'
	@ninja -C build
	@meson install -C build --no-rebuild

dist: build
	@meson dist -C build --no-tests

clean:
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name 'venv*' ! -name corpus -exec rm -rf {} +; fi

distclean:
	@rm -rf build
