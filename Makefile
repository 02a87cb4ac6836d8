# make run    set-up, then today's snapshot (the simulator and a local folder unless you set up more)
# make test   set-up, then every check and test
# make demo   set-up, then ninety invented days of three playlists into demo/, and their page in the browser
# make prove  ten thousand simulated bad days, ten thousand damaged answers, the events of planned years: no promise may break
# make bench  every benchmark, into docs/measured.md: twenty minutes on a machine that does nothing else
# make docs   the documentation as a site on 127.0.0.1:8001;   make site   builds it into site/, and fails on a broken link
# make lint   the checks alone;   make local   the HTTP routes on 127.0.0.1:8000;   make clean   removes .venv
# make wheel  set-up, then dist/chartlake-….whl, which `pipx install` and `uvx --from` take
# make deploy EMAIL=you@example.org [STAGE=prod] [BUDGET=5] [RAW_DAYS=90] [QUEUE=1] [YES=1]    one stack in your AWS account
# make undeploy [STAGE=prod] [YES=1]    removes it, and keeps the bucket with the data

# The newest Python that truly runs: a version manager's stub may exist and only print an error.
PYTHON ?= $(shell for python in $$(which -a python3.14 python3.13 python3.12 python3.11 python3 python 2>/dev/null); do \
	$$python -c 'import sys, ensurepip, ssl, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$python && break; done)

PIP = .venv/bin/python -m pip --disable-pip-version-check --quiet install
LOCK = pyproject.toml locked/run.txt locked/tests.txt

STAGE = prod
SCHEDULES = 10000
MUTATIONS = 10000
EVENTS = 60x365
MINUTES = 70

.PHONY: run demo test bench prove prove-mutants prove-mutation prove-kills prove-events prove-copy lint audit docs site local wheel clean lock deploy undeploy

run: .venv/ready
	@.venv/bin/chartlake extract

demo: .venv/ready
	@.venv/bin/chartlake demo --open

# A file's tests stay together, since they share servers and lakes that take seconds to make; in the order of
# tests/conftest.py, with the longest first.
test: lint
	.venv/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

bench: .venv/ready-for-tests
	.venv/bin/python -m benchmarks

# Any broken promise is printed with the one command that tells its story.
prove: .venv/ready-for-tests
	.venv/bin/python -m tests.simulation --schedules $(SCHEDULES)
	CHARTLAKE_MUTATIONS=$(MUTATIONS) .venv/bin/python -m pytest -n auto tests/prove/test_mutated_answers.py
	CHARTLAKE_EVENTS=$(EVENTS) .venv/bin/python -m pytest -s tests/prove/test_true_events.py

# That the proof sees what it should, and the same promise on a real S3 server: each takes long.
prove-mutants: .venv/ready-for-tests
	.venv/bin/python -m tests.simulation.mutants

# Small changes of the code that decides what a day is, each against the tests that run its line: hours, in an order that
# is random, so that whatever is there after MINUTES is a sample. What was tried is kept, and not tried again.
prove-mutation: .venv-mutation/session.sqlite
	.venv-mutation/bin/python -m tests.prove.mutation .venv-mutation/session.sqlite --minutes $(MINUTES)

prove-kills: .venv/ready-for-tests
	CHARTLAKE_KILLS=200 CHARTLAKE_RACERS=24 .venv/bin/python -m pytest -s tests/prove/test_real_processes.py

prove-events: .venv/ready-for-tests
	CHARTLAKE_EVENTS=500x365 .venv/bin/python -m pytest -s tests/prove/test_true_events.py

prove-copy: .venv/ready-for-tests
	CHARTLAKE_COPY=2000x60 .venv/bin/python -m pytest -s tests/prove/test_copy_at_size.py

lint: .venv/ready-for-tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

# Known holes in what is installed: fails where there is one, and names what could not be looked up.
audit: .venv/ready-for-tests
	@.venv/bin/python -m deploy.audit

docs: .venv/ready-for-tests
	.venv/bin/python -m mkdocs serve --dev-addr 127.0.0.1:8001

site: .venv/ready-for-tests
	.venv/bin/python -m mkdocs build --strict

local: .venv/ready-for-tests
	.venv/bin/chalice local

# From empty folders: setuptools would also pack what an earlier build left behind.
wheel: .venv/ready-for-tests
	rm -rf build dist
	.venv/bin/python -m pip --disable-pip-version-check --quiet wheel --no-deps --wheel-dir dist .
	.venv/bin/twine check --strict dist/*.whl

deploy: .venv/ready-for-tests
	@.venv/bin/python -m deploy up --stage "$(STAGE)" --email "$(EMAIL)" $(if $(BUDGET),--budget "$(BUDGET)") $(if $(RAW_DAYS),--raw-days "$(RAW_DAYS)") $(if $(QUEUE),--queue "$(QUEUE)") $(if $(YES),--yes)

undeploy: .venv/ready-for-tests
	@.venv/bin/python -m deploy down --stage "$(STAGE)" $(if $(YES),--yes)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "chartlake needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# The lock is complete, so nothing is resolved, and what does not have one of its hashes is refused.
.venv/ready: .venv/bin/python $(LOCK)
	$(PIP) --require-hashes --no-deps -r locked/run.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/ready-for-tests: .venv/bin/python $(LOCK)
	$(PIP) --require-hashes --no-deps -r locked/tests.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ .venv/ready

# Apart from .venv, whose packages it sees: what is only there for mutations has no place in the lock.
.venv-mutation/ready: .venv/ready-for-tests
	.venv/bin/python -m venv .venv-mutation
	.venv-mutation/bin/python -m pip --disable-pip-version-check --quiet install cosmic-ray==8.7.0 coverage==7.17.5
	.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		$$(.venv-mutation/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tests.pth
	@touch $@

.venv-mutation/session.sqlite: .venv-mutation/ready tests/prove/mutation.toml \
		chalicelib/spotify/entries.py chalicelib/snapshots/pipeline.py chalicelib/lake/lake.py
	rm -f .venv-mutation/session.*
	.venv-mutation/bin/cosmic-ray init tests/prove/mutation.toml $@
	.venv-mutation/bin/cr-filter-operators $@ tests/prove/mutation.toml

# Writes the newest versions of everything into constraints.txt, and into locked/ with the hashes of all their files,
# for every system and Python since 3.11.
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11.5 --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-package pip

lock:
	rm -rf .venv
	python3.11 -m venv .venv
	$(PIP) uv
	printf 'setuptools\nwheel\n' > .venv/build.in
	grep -v '^-' requirements.txt > .venv/bundle.in
	grep -v '^-' requirements-dev.txt > .venv/tests.in
	$(COMPILE) pyproject.toml .venv/build.in .venv/tests.in -o constraints.txt
	$(COMPILE) --generate-hashes -c constraints.txt pyproject.toml .venv/build.in .venv/tests.in -o locked/tests.txt
	$(COMPILE) --generate-hashes -c constraints.txt pyproject.toml .venv/build.in -o locked/run.txt
	$(COMPILE) --generate-hashes -c constraints.txt .venv/bundle.in -o locked/bundle.txt
	rm -rf .venv

clean:
	rm -rf .venv .venv-mutation
