# SPDX-License-Identifier: Apache-2.0
# Belka's build: one file, one directory per variant under build/. `make help` says what there is.
# Sources are found by wildcard: a new file in control/, dataplane/ or tests/ needs no edit here.

define HELP
Belka: a canary splitter for layer 4. From a clean clone, as root:

  make demo      install what is missing, build, and show the main job (the show: under 90 seconds)
  make test      install what is missing, build, run lint and every test

Other targets:
  make           build belkad, belkactl, belka-dataplane and belka.bpf.o in build/release
  make setup     only install what is missing, from Debian's packages
  make unit      unit tests of the pure parts
  make model     the random model of slots and pins
  make planes    vectors, captures and the differential test, in both planes
  make e2e       end to end in network namespaces (root)
  make asan      unit tests and vectors under AddressSanitizer and UBSan
  make tsan      lcores and the daemon's sweep on the same pins, under ThreadSanitizer
  make vm        both planes on each kernel that apt offers for Debian 12, in QEMU
  make fuzz      every fuzzer for FUZZ_SECONDS (60) seconds
  make soak      the tests at their long sizes
  make bench     nanoseconds and cycles per packet: a table, and build/release/bench.json
  make bench-instructions   instructions a settled packet costs in the data plane, counted by valgrind
  make lint      formatting, clang-tidy and the project's own rules
  make format    format all sources in place
  make clean     remove build/

Options:
  TESTS=name     run only tests whose name contains it (make e2e TESTS=ipip)
  V=1            print whole commands
  VARIANT=name   release (default), address (ASan, UBSan and the fuzzers) or thread (TSan)
  BUILD=dir      build elsewhere than in build/
endef

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
export PATH := $(PATH):/usr/sbin:/sbin

VARIANT ?= release
BUILD ?= build
TESTS ?=
FUZZ_SECONDS ?= 60
OUT := $(BUILD)/$(VARIANT)
export BUILD TESTS

# Tools and libraries are looked up when something is first compiled, so that help, clean and setup
# need none of them. $(call need,TOOL) and $(call pkg,OPTION,LIBRARIES) end in one sentence.
need = $(if $(shell command -v $1),$1,$(error no $1: run scripts/setup))
pkg = $(foreach p,pkg-config $2,$(if $(filter pkg-config,$p),$(if $(call need,$p),),$(if \
  $(shell pkg-config --exists $p && echo yes),,$(error no $p: run scripts/setup))))$(shell pkg-config $1 $2)
once = $(eval $1 := $2)$($1)

CXX_release := g++
CXX_address := clang++
CXX_thread := g++
# By clang, as the fuzzers are. It finds no type information of the library's own classes: no vptr.
sanitize := -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CXXFLAGS_release := -O2
CXXFLAGS_address := -O1 $(sanitize)
# It does not see the fences of READ_BARRIER: what they guard does not change in the tests of this variant.
CXXFLAGS_thread := -O1 -fsanitize=thread -Wno-tsan
ifeq ($(CXX_$(VARIANT)),)
$(error VARIANT=$(VARIANT) is none of release, address, thread)
endif

COMPILER = $(call once,COMPILER,$(call need,$(CXX_$(VARIANT))))
CLANG = $(call once,CLANG,$(call need,clang))
WARNINGS := -Wall -Wextra -Wshadow -Werror
INCLUDES = -I. -Ibpf -I$(OUT)/gen
# Designated initializers leave fields to their defaults on purpose.
# Line tables are what a backtrace wants; the rest of -g is a third of the compile time.
CXXFLAGS = -std=c++20 -g1 -pthread $(WARNINGS) -Wno-missing-field-initializers $(CXXFLAGS_$(VARIANT)) \
  $(INCLUDES) $(LIB_CFLAGS)
LDFLAGS = -pthread $(filter -fsanitize=%,$(CXXFLAGS_$(VARIANT))) -Wl,--as-needed
LIB_PACKAGES := spdlog fmt cpp-httplib
LIB_CFLAGS = $(call once,LIB_CFLAGS,$(call pkg,--cflags,$(LIB_PACKAGES)))
LIBS = $(call once,LIBS,$(call pkg,--libs,$(LIB_PACKAGES) yaml-cpp gflags libmnl libxdp libbpf libpcap zlib))
DPDK_CFLAGS = $(call once,DPDK_CFLAGS,$(patsubst -I%,-isystem%,$(call pkg,--cflags,libdpdk)))
DPDK_LIBS = $(call once,DPDK_LIBS,$(call pkg,--libs,libdpdk))
BPFFLAGS = -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -I. -Ibpf \
  -isystem /usr/include/$$($(call need,gcc) -print-multiarch)

# What there is to build.
sources = $(wildcard $1/*.cpp $1/*/*.cpp)
objects = $(patsubst %.cpp,$(OUT)/%.o,$1)
# $(call in_groups,NAME,SOURCES): the objects of groups of ten sources. What they include is compiled, and looked at
# by clang-tidy, once for all ten; helpers in the sources of a directory have names of their own for that.
in_groups = $(if $2,$(call group,$1.$(words $3 x),$(wordlist 1,10,$2)) \
  $(call in_groups,$1,$(wordlist 11,$(words $2),$2),$3 x))
group = $(eval sources_of_$1 := $2)$(OUT)/groups/$1.o
MAINS := control/belkad.cpp control/belkactl.cpp dataplane/main.cpp
CONTROL := $(filter-out $(MAINS),$(call sources,control)) $(wildcard dataplane/tables.cpp)
DATAPLANE := $(filter-out $(MAINS) dataplane/tables.cpp,$(call sources,dataplane))
SUPPORT := $(call sources,tests/support)
UNIT := $(call in_groups,unit,$(call sources,tests/unit))
MODEL := $(call in_groups,model,$(call sources,tests/model))
# A belkad of another version has its own of these two (NEXT).
CONTROL_ALONE := $(wildcard control/maps.cpp control/xdp_program.cpp dataplane/tables.cpp)
# belkactl's flags have the names of other programs' flags, which take nothing out of its groups.
CLI := $(filter control/cli%,$(CONTROL))
# What the fuzzers reach of it has their counters, and is therefore compiled once more for them.
FUZZED := $(wildcard control/config*.cpp control/split_*.cpp control/address.cpp control/quote.cpp control/shares.cpp \
  control/health_answer.cpp)
CONTROL_GROUPS := $(call in_groups,control,$(filter-out $(CONTROL_ALONE) $(CLI),$(CONTROL))) \
  $(call in_groups,control.cli,$(CLI))
# These give the decision's loads and names other meanings, so they are compiled alone.
PLANES_ALONE := $(wildcard $(patsubst %,tests/planes/%.cpp,burst_writer pins_interleaved_test stumbling_burst))
PLANES := $(call in_groups,planes,$(filter-out $(PLANES_ALONE),$(call sources,tests/planes))) \
  $(call objects,$(PLANES_ALONE))
BENCH := $(call sources,tests/bench)
# What lcores and the daemon's sweep do at once, and no more: it is built in half a minute.
THREAD := $(call sources,tests/thread) dataplane/hash_lanes.cpp dataplane/tables.cpp \
  $(addprefix tests/planes/,burst_writer.cpp stumbling_burst.cpp) \
  $(addprefix tests/support/,bytes.cpp pins_race.cpp pin_table.cpp race_connections.cpp race_daemon.cpp \
  stumble.cpp stumbling_keeper.cpp table_writer.cpp)
FUZZ := $(wildcard tests/fuzz/*.cpp)
WITH_DPDK := $(call objects,$(DATAPLANE) dataplane/main.cpp $(BENCH)) $(PLANES)

BPF := $(patsubst bpf/%.c,$(OUT)/%.o,$(wildcard bpf/belka.bpf.c))
SKELETON := $(if $(filter-out thread,$(VARIANT)),$(BPF:$(OUT)/%.bpf.o=$(OUT)/gen/%.skel.h))
TEST_BPF := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/*/*.bpf.c tests/*/*/*.bpf.c))
# belkads with another XDP program in them: tests/e2e/NAME_version.bpf.c is belkad_NAME's.
VERSIONS := $(patsubst tests/e2e/%_version.bpf.c,%,$(wildcard tests/e2e/*_version.bpf.c))
OTHER_BELKADS := $(VERSIONS:%=$(OUT)/tests/e2e/belkad_%)
E2E_TOOLS := $(patsubst %.cpp,$(OUT)/%,$(wildcard tests/e2e/*.cpp)) $(if $(filter release,$(VARIANT)),$(OTHER_BELKADS))
VECTORS := $(patsubst tests/vectors/%.yaml,$(BUILD)/vectors/%.json,$(wildcard tests/vectors/*.yaml))
PROGRAMS := $(addprefix $(OUT)/,$(if $(wildcard control/belkad.cpp),belkad) \
  $(if $(wildcard control/belkactl.cpp),belkactl) $(if $(wildcard dataplane/main.cpp),belka-dataplane))
TEST_PROGRAMS := $(if $(UNIT),$(OUT)/unit_tests) $(if $(PLANES),$(OUT)/plane_tests) \
  $(if $(filter release,$(VARIANT)),$(if $(MODEL),$(OUT)/model_tests))
FUZZERS := $(patsubst tests/fuzz/%.cpp,$(OUT)/fuzz/%,$(FUZZ))

.PHONY: all test unit model planes e2e vm demo bench bench-instructions lint format fuzz asan tsan soak clean setup help
.PHONY: test-programs test-bpf e2e-tools vectors fuzzers tidy FORCE
all: $(PROGRAMS) $(BPF)
	@:
test-programs: $(TEST_PROGRAMS)
	@:
test-bpf: $(TEST_BPF)
	@:
e2e-tools: $(E2E_TOOLS)
	@:
vectors: $(VECTORS)
	@:
ifeq ($(VARIANT),address)
fuzzers: $(FUZZERS)
	@:
else
fuzzers:
	@$(MAKE) VARIANT=address fuzzers
endif

help:
	$(info $(HELP))@:

setup:
	@scripts/setup

clean:
	rm -rf $(BUILD)

# Each step is a make of its own: the packages must be there before the next one looks for them, and two of
# these targets in one call must not build the same object at once.
STEPS := setup test unit model planes e2e vm demo bench bench-instructions lint format fuzz asan tsan soak clean
ifneq ($(filter $(STEPS),$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
demo:
	@scripts/setup
	@$(MAKE) VARIANT=release all test-bpf
	@scripts/demo

test:
	@scripts/setup
	@$(MAKE) VARIANT=release all test-programs test-bpf e2e-tools vectors
	@$(MAKE) VARIANT=address test-programs fuzzers
	@$(MAKE) VARIANT=thread $(BUILD)/thread/thread_tests
	@tests/run lint unit model planes asan tsan fuzz e2e vm-6.1

unit:
	@$(MAKE) VARIANT=release $(BUILD)/release/unit_tests
	@tests/run unit

model:
	@$(MAKE) VARIANT=release $(BUILD)/release/model_tests
	@tests/run model

planes:
	@$(MAKE) VARIANT=release all test-programs test-bpf vectors
	@tests/run planes

asan:
	@$(MAKE) VARIANT=release all test-bpf vectors
	@$(MAKE) VARIANT=address test-programs
	@tests/run asan

tsan:
	@$(MAKE) VARIANT=thread $(BUILD)/thread/thread_tests
	@tests/run tsan

e2e:
	@$(MAKE) VARIANT=release all test-bpf e2e-tools
	@tests/run e2e

vm:
	@scripts/setup
	@$(MAKE) VARIANT=release all test-programs test-bpf e2e-tools vectors
	@tests/run vm

fuzz:
	@$(MAKE) VARIANT=release all test-bpf
	@$(MAKE) fuzzers
	@tests/run --fuzz-seconds=$(FUZZ_SECONDS) fuzz

soak:
	@$(MAKE) VARIANT=release all test-programs test-bpf e2e-tools vectors
	@$(MAKE) fuzzers
	@$(MAKE) VARIANT=thread $(BUILD)/thread/thread_tests
	@BELKA_SOAK=1 tests/run --fuzz-seconds=600 unit model planes tsan fuzz e2e

bench:
	@$(MAKE) VARIANT=release all test-bpf e2e-tools $(BUILD)/release/bench
	@BELKA_BUILD=$(BUILD)/release $(BUILD)/release/bench --benchmark_out=$(BUILD)/release/bench.json \
	  --benchmark_out_format=json $(if $(TESTS),--benchmark_filter='$(TESTS)')

bench-instructions:
	@$(MAKE) VARIANT=release $(BUILD)/release/bench
	@scripts/instructions

lint:
	@$(MAKE) VARIANT=release all $(BUILD)/release/tests/vm/loops.bpf.o
	@BELKA_BUILD=$(BUILD)/release scripts/lint
	@$(MAKE) VARIANT=release --keep-going tidy

format:
	@scripts/lint --format

# Compiling. Whatever a source includes is in its .d file; an object is rebuilt when one of them changes.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $1 $2)
mkdir = @mkdir -p $(@D)
# For tools that chatter: what they say is shown when they fail.
quietly = 2> $@.log || { cat $@.log >&2; exit 1; }
# The sanitizers watch what is tested; tests compile in half the time without -O1. Fuzzers contain what they test.
# Tests that kill before every store kill here before every fourth: all are the release variant's.
TEST_FLAGS_address := -O0 -DBELKA_KILL_STRIDE=4
COUNTED := $(if $(filter address,$(VARIANT)),$(OUT)/tests/fuzz/% $(OUT)/tests/support/% $(OUT)/groups/fuzzed.%)
is_test = $(filter $(OUT)/tests/% $(OUT)/groups/unit.% $(OUT)/groups/planes.%,$(filter-out $(OUT)/tests/fuzz/%,$1))
flags_of = $(CXXFLAGS) $(if $(filter $(COUNTED),$1),-fsanitize=fuzzer-no-link) \
  $(if $(is_test),$(TEST_FLAGS_$(VARIANT))) $(if $(filter $1,$(WITH_DPDK)),$(DPDK_CFLAGS))

$(OUT)/%.o: %.cpp Makefile | $(SKELETON)
	$(mkdir)
	$(call say,C++,$<)
	$(Q)$(COMPILER) $(call flags_of,$@) -MMD -MP -c $< -o $@

# Written anew when another source belongs to the group.
$(OUT)/groups/%.cpp: FORCE
	$(mkdir)
	@printf '#include "%s"\n' $(sources_of_$*) | cmp -s - $@ || printf '#include "%s"\n' $(sources_of_$*) > $@

$(OUT)/groups/%.o: $(OUT)/groups/%.cpp Makefile | $(SKELETON)
	$(call say,C++,$<)
	$(Q)$(COMPILER) $(call flags_of,$@) -MMD -MP -c $< -o $@

$(OUT)/%.bpf.o: bpf/%.bpf.c Makefile
	$(mkdir)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPFFLAGS) -MMD -MP -c $< -o $@

$(OUT)/tests/%.bpf.o: tests/%.bpf.c Makefile
	$(mkdir)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPFFLAGS) -MMD -MP -c $< -o $@

$(OUT)/gen/%.skel.h: $(OUT)/%.bpf.o
	$(mkdir)
	$(call say,SKEL,$@)
	$(Q)$(call need,bpftool) gen skeleton $< > $@ $(quietly)

$(BUILD)/vectors/%.json: tests/vectors/%.yaml $(wildcard tests/vectors/*.py)
	$(mkdir)
	$(call say,VEC,$<)
	$(Q)/usr/bin/python3 tests/vectors/compile.py $< $@

# Linking.
$(OUT)/libcontrol.a: $(CONTROL_GROUPS) $(call objects,$(CONTROL_ALONE))
$(OUT)/libfuzzed.a: $(call in_groups,fuzzed,$(FUZZED)) $(OUT)/dataplane/tables.o
$(OUT)/libdataplane.a: $(call objects,$(DATAPLANE))
$(OUT)/libsupport.a: $(call objects,$(SUPPORT))
$(OUT)/%.a:
	$(mkdir)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

link = $(call say,LINK,$@)
link_it = $(Q)$(COMPILER) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^)
$(OUT)/belkad $(OUT)/belkactl: $(OUT)/%: $(OUT)/control/%.o $(OUT)/libcontrol.a
	$(link)
	$(link_it) $(LIBS) -o $@

$(OUT)/belka-dataplane: $(OUT)/dataplane/main.o $(OUT)/libdataplane.a $(OUT)/libcontrol.a
	$(link)
	$(link_it) $(LIBS) $(DPDK_LIBS) -o $@

$(OUT)/unit_tests: $(UNIT) $(OUT)/libsupport.a $(OUT)/libcontrol.a
	$(link)
	$(link_it) -lgtest_main -lgmock -lgtest $(LIBS) -o $@

$(OUT)/model_tests: $(MODEL) $(OUT)/libcontrol.a
	$(link)
	$(link_it) -lgtest_main -lgtest $(LIBS) -o $@

$(OUT)/plane_tests: $(PLANES) $(OUT)/libsupport.a $(OUT)/libdataplane.a $(OUT)/libcontrol.a
	$(link)
	$(link_it) -lgtest_main -lgmock -lgtest $(LIBS) $(DPDK_LIBS) -o $@

$(OUT)/thread_tests: $(call objects,$(THREAD))
	$(link)
	$(link_it) $(LIBS) $(DPDK_LIBS) -o $@

$(OUT)/bench: $(call objects,$(BENCH)) $(OUT)/libsupport.a $(OUT)/libdataplane.a $(OUT)/libcontrol.a
	$(link)
	$(link_it) -lbenchmark_main -lbenchmark $(LIBS) $(DPDK_LIBS) -o $@

# What tests in namespaces run besides: one file, one program.
$(filter-out $(OTHER_BELKADS),$(E2E_TOOLS)): $(OUT)/%: $(OUT)/%.o
	$(link)
	$(link_it) -o $@

# A belkad of another version: only the XDP program in it is another. Two sources of control/ contain it.
define other_belkad
$(OUT)/$1/belka.skel.h: $(OUT)/tests/e2e/$1_version.bpf.o
	$$(mkdir)
	$$(call say,SKEL,$$@)
	$$(Q)$$(call need,bpftool) gen skeleton $$< name belka_bpf > $$@ $$(quietly)

$(OUT)/$1/%.o: control/%.cpp $(OUT)/$1/belka.skel.h
	$$(mkdir)
	$$(call say,C++,$$< with $(OUT)/$1/belka.skel.h)
	$$(Q)$$(COMPILER) -I$(OUT)/$1 $$(CXXFLAGS) -MMD -MP -c $$< -o $$@

$(OUT)/tests/e2e/belkad_$1: $(OUT)/control/belkad.o $(OUT)/$1/maps.o $(OUT)/$1/xdp_program.o $(OUT)/libcontrol.a
	$$(link)
	$$(link_it) $$(LIBS) -o $$@
endef
$(foreach version,$(VERSIONS),$(eval $(call other_belkad,$(version))))

# Most fuzzers need headers alone.
WITH_CONTROL := $(if $(FUZZ),$(shell grep -lE '"(control|tests/support)/' $(FUZZ) 2>/dev/null))
$(patsubst tests/fuzz/%.cpp,$(OUT)/fuzz/%,$(WITH_CONTROL)): $(OUT)/libsupport.a $(OUT)/libfuzzed.a
$(FUZZERS): $(OUT)/fuzz/%: $(OUT)/tests/fuzz/%.o
	$(mkdir)
	$(link)
	$(link_it) -fsanitize=fuzzer $(LIBS) -o $@

# clang-tidy: a stamp per group of sources, newer than their objects, so that only what changed is looked at again. The
# first source is the one that it is told of, as it finds .clang-tidy by that; the others are included before it. What it
# and the compiler would say of the first alone, of declarations without use, scripts/lint says of all.
# <pcap/bpf.h> and <linux/bpf.h> do not go together.
TIDY_ALONE := $(wildcard $(MAINS) $(CONTROL_ALONE) dataplane/capture_plan.cpp)
TIDY_GROUPS := $(CONTROL_GROUPS) $(call in_groups,dataplane,$(filter-out $(TIDY_ALONE),$(DATAPLANE)))
TIDY := $(TIDY_GROUPS:$(OUT)/groups/%.o=$(OUT)/tidy/%.ok) \
  $(patsubst %,$(OUT)/tidy/%.ok,$(TIDY_ALONE) $(if $(BPF),bpf/belka.bpf.c))
tidy: $(TIDY)
	@:
run_tidy = $(Q)$(call need,clang-tidy) --quiet --warnings-as-errors='*' $1 $< --
# control/ is compiled in these groups, dataplane/ source by source.
compiled = $(if $(findstring control,$1),$(OUT)/groups/$1.o,$(call objects,$(sources_of_$1)))
.SECONDEXPANSION:
$(OUT)/tidy/%.ok: $$(firstword $$(sources_of_$$*)) $(OUT)/groups/%.cpp $$(call compiled,$$*) \
  .clang-tidy $(wildcard bpf/.clang-tidy)
	$(mkdir)
	$(call say,TIDY,$(OUT)/groups/$*.cpp)
	$(call run_tidy,--checks=-bugprone-suspicious-include) $(call flags_of,$(OUT)/$(<:.cpp=.o)) \
	  $(patsubst %,-include %,$(filter-out $<,$(sources_of_$*))) $(quietly)
	@touch $@

$(OUT)/tidy/%.cpp.ok: %.cpp $(OUT)/%.o .clang-tidy $(wildcard bpf/.clang-tidy)
	$(mkdir)
	$(call say,TIDY,$<)
	$(call run_tidy) $(call flags_of,$(OUT)/$*.o) $(quietly)
	@touch $@

$(OUT)/tidy/bpf/%.bpf.c.ok: bpf/%.bpf.c $(OUT)/%.bpf.o .clang-tidy $(wildcard bpf/.clang-tidy)
	$(mkdir)
	$(call say,TIDY,$<)
	$(call run_tidy) $(BPFFLAGS) $(quietly)
	@touch $@

# Read only what exists, and only when something is compiled.
ifneq ($(filter-out help $(STEPS),$(or $(MAKECMDGOALS),all)),)
-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
endif
