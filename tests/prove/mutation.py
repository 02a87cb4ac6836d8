"""`make prove-mutation`: does a test fail when the code that decides what a day is, is changed a little?

cosmic-ray (`mutation.toml`) makes the mutations and keeps the results. Each is tried with some schedules of the simulation,
and where they pass with the tests that run its line, the fastest first. This is not left to cosmic-ray's test command: it
could not choose the tests by the line, and would import everything anew for each mutation, which takes longer than most
tests do.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path

import coverage
import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

ROOT = Path(__file__).parents[2]
OURS = ("chalicelib", "tests", "deploy")
COPIED = (*OURS, "simulator", "docs", "app.py", "pyproject.toml", "requirements.txt")
TESTS = [
    f"tests/test_{name}.py"
    for name in (
        *("entries", "lake", "extract", "healing", "replay", "imports", "purge", "verify", "mine", "fan_out"),
        *("contradictions", "kept_imports", "hostile_machine"),
    )
]
# What a mutation is tried with at most: schedules, then tests, and seconds of the processor that these take.
SCHEDULES, MOST_TESTS, MOST_SECONDS = 40, 25, 20.0
# With a test that takes longer than this no mutation is tried.
LONGEST_TEST = 4.0
QUIET = ["-q", "--assert=plain", "-p", "no:cacheprovider"]


class Cover:
    """What pytest is watched by: which lines each test runs, and how long it takes."""

    def __init__(self, files: list[str]) -> None:
        self._coverage = coverage.Coverage(data_file=None, include=files)
        self.seconds: dict[str, float] = {}

    def pytest_sessionstart(self) -> None:
        self._coverage.start()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if not _needs_s3(item)]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        before = sum(os.times()[:4])
        yield
        self.seconds[item.nodeid] = sum(os.times()[:4]) - before

    def lines(self, files: list[str]) -> dict[str, dict[int, list[str]]]:
        self._coverage.stop()
        found = self._coverage.get_data()
        return {file: found.contexts_by_lineno(str(Path(file).resolve())) for file in files}


def _needs_s3(item: pytest.Item) -> bool:
    """Whether a test has to wait until a server is there."""
    chosen = getattr(getattr(item, "callspec", None), "params", {})
    return bool({"moto_url", "s3_server_url"} & set(getattr(item, "fixturenames", ()))) or chosen.get("address") == "s3"


def cover(files: list[str], told: Path) -> int:
    """Run the tests once, and write down which of them run which line."""
    watching = Cover(files)
    code = pytest.main([*QUIET, *TESTS], plugins=[watching])
    told.write_text(json.dumps({"lines": watching.lines(files), "seconds": watching.seconds}))
    return int(code)


class Choice:
    """Which tests a mutation is tried with."""

    def __init__(self, told: Path) -> None:
        found = json.loads(told.read_text())
        self._seconds: dict[str, float] = found["seconds"]
        self._lines = {
            file: {int(line): set(tests) - {""} for line, tests in lines.items()}
            for file, lines in found["lines"].items()
        }

    def of(self, file: str, first: int, last: int) -> list[str]:
        """The fastest tests that run one of these lines; of a line that runs at the import, those of what it defines."""
        found = self._within(file, first, last) or self._of_definition(file, first)
        chosen: list[str] = []
        for one in sorted(found, key=lambda test: self._seconds[test]):
            if self._seconds[one] > LONGEST_TEST or self.seconds([*chosen, one]) > MOST_SECONDS:
                break
            chosen.append(one)
        return chosen[:MOST_TESTS]

    def seconds(self, chosen: list[str]) -> float:
        return sum(self._seconds[one] for one in chosen)

    def _of_definition(self, file: str, line: int) -> set[str]:
        text = Path(file).read_text()
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and _first(node) <= line < node.body[0].lineno:
                return self._within(file, node.lineno, node.end_lineno or line)
        defined = next(one for one in tree.body if _first(one) <= line <= (one.end_lineno or line))
        names = {
            node.id for node in ast.walk(defined) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        names |= {getattr(defined, "name", "")} - {""}
        said = re.compile("|".join(rf"\b{name}\b" for name in names) or "$^")
        users = [number for number, told in enumerate(text.splitlines(), start=1) if said.search(told)]
        return set[str]().union(*(self._within(file, number, number) for number in users))

    def _within(self, file: str, first: int, last: int) -> set[str]:
        return set[str]().union(*(self._lines[file].get(line, ()) for line in range(first, last + 1)))


def _first(node: ast.stmt) -> int:
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])


def in_a_fork(work: Callable[[], int], seconds: float) -> tuple[int | None, str]:
    """What the work gives (None where it had to be ended), and what it printed. `seconds`: of the processor."""
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            _be_a_child(work, said.fileno(), seconds)
        limit = time.monotonic() + 60 + 15 * seconds
        ended, status = os.waitpid(child, os.WNOHANG)
        while not ended and time.monotonic() < limit:
            time.sleep(0.02)
            ended, status = os.waitpid(child, os.WNOHANG)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if not ended:
            os.waitpid(child, 0)
        said.seek(0)
        printed = said.read().decode(errors="replace")
    return os.WEXITSTATUS(status) if ended and os.WIFEXITED(status) else None, printed


def _be_a_child(work: Callable[[], int], said: int, seconds: float) -> None:
    code = 70
    try:
        os.setpgid(0, 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 3))
        code = work()
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _tests(chosen: list[str]) -> int:
    return int(pytest.main([*QUIET, "-x", *chosen]))


def _simulation() -> int:
    play = import_module("tests.simulation.bad_days").play
    for seed in range(1, SCHEDULES + 1):
        if broken := play(seed).broken:
            print(f"seed {seed}: {broken}")
            return 1
    return 0


def _anew(modules: frozenset[str], work: Callable[[], int]) -> int:
    for name in modules & set(sys.modules):
        del sys.modules[name]
    return work()


def tried(choice: Choice, mutation: MutationSpec) -> WorkResult:
    """Put one mutation into the file, and give what the simulation and the tests say of it."""
    file = Path(mutation.module_path)
    whole = file.read_text()
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    mutated = mutate_code(whole, operator, mutation.occurrence)
    chosen = choice.of(str(file), mutation.start_pos[0], mutation.end_pos[0])
    works: list[tuple[Callable[[], int], float]] = [(_simulation, 120)]
    if chosen:
        works.append((partial(_tests, chosen), 20 + 3 * choice.seconds(chosen)))
    code: int | None = 0
    said, changed = "", _users(".".join(file.with_suffix("").parts))
    file.write_text(mutated)
    try:
        for work, seconds in works:
            code, said = in_a_fork(partial(_anew, changed, work), seconds)
            if code != 0:
                break
    finally:
        file.write_text(whole)
    outcome = TestOutcome.SURVIVED if code == 0 else TestOutcome.KILLED
    why = "took too long" if code is None else " / ".join(said.strip().splitlines()[-3:])
    return WorkResult(WorkerOutcome.NORMAL, f"{len(chosen)} tests: {why}", outcome, _difference(whole, mutated))


def _difference(whole: str, mutated: str) -> str:
    pairs = zip(whole.splitlines(), mutated.splitlines(), strict=False)
    number, (old, new) = next((number, pair) for number, pair in enumerate(pairs, start=1) if pair[0] != pair[1])
    return f"{number}\n- {old.strip()}\n+ {new.strip()}"


@cache
def _types(file: Path) -> list[ast.expr]:
    """The types that a module names: nothing looks at them when it runs."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    named = [node.annotation for node in nodes if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation]
    return named + [node.returns for node in nodes if isinstance(node, ast.FunctionDef) and node.returns]


def _is_of_a_type(mutation: MutationSpec) -> bool:
    start, end = mutation.start_pos, mutation.end_pos
    return any(
        (one.lineno, one.col_offset) <= start and end <= (one.end_lineno or 0, one.end_col_offset or 0)
        for one in _types(ROOT / mutation.module_path)
    )


def pending(db: WorkDB, seed: int) -> list[WorkItem]:
    """What is not tried yet, in an order that is random and that of the seed: its beginning is a sample."""
    found = []
    for item in list(db.pending_work_items):
        if _is_of_a_type(item.mutations[0]):
            db.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED, "of a type"))
        else:
            found.append(item)
    found.sort(key=lambda item: _place(item.mutations[0]))
    random.Random(seed).shuffle(found)
    return found


def _place(mutation: MutationSpec) -> tuple[str, str, int]:
    return str(mutation.module_path), mutation.operator_name, mutation.occurrence


def survivors(db: WorkDB) -> list[WorkItem]:
    survived = {job_id for job_id, result in db.results if result.test_outcome is TestOutcome.SURVIVED}
    return [item for item in db.work_items if item.job_id in survived]


def _interval(killed: int, count: int) -> tuple[float, float]:
    """Wilson's, of 95 %."""
    share, z = killed / count, 1.96
    middle = share + z * z / (2 * count)
    width = z * ((share * (1 - share) + z * z / (4 * count)) / count) ** 0.5
    return (middle - width) / (1 + z * z / count), (middle + width) / (1 + z * z / count)


def tell(db: WorkDB) -> None:
    """The survivors, and how many were killed of each module."""
    mutations = {item.job_id: item.mutations[0] for item in db.work_items}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for job_id, result in db.results:
        if result.worker_outcome is not WorkerOutcome.NORMAL:
            continue
        path = str(mutations[job_id].module_path)
        for name in (path, "all"):
            counts[name][result.test_outcome.value] += 1
            counts[name]["late"] += "took too long" in result.output
        if result.test_outcome is TestOutcome.SURVIVED:
            print(f"{path}:{result.diff}\n  {mutations[job_id].operator_name}, {result.output}")
    left = Counter(str(item.mutations[0].module_path) for item in db.pending_work_items)
    left["all"] = left.total()
    for name, of in sorted(counts.items()):
        count = of["killed"] + of["survived"]
        least, most = _interval(of["killed"], count)
        print(
            f"{name}: {of['killed']} of {count} killed ({of['killed'] / count:.1%}; 95 %: {least:.1%} to {most:.1%}), "
            f"{of['late']} of them took too long; {left[name]} not tried"
        )


@cache
def _users(name: str) -> frozenset[str]:
    """A module, and those of ours that are imported and came to import it."""
    uses = {module: _used(module) for module in list(sys.modules) if module.split(".")[0] in OURS}
    found, more = set[str](), {name}
    while more:
        found |= more
        more = {module for module, used in uses.items() if used & found} - found
    return frozenset(found)


def _used(module: str) -> set[str]:
    found = sys.modules[module]
    used = set()
    for node in ast.walk(ast.parse(Path(found.__file__ or os.devnull).read_text())):
        if isinstance(node, ast.ImportFrom):
            start = resolve_name("." * node.level + (node.module or ""), found.__package__ or "")
            used |= {start, *(f"{start}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            used |= {one.name for one in node.names}
    return used


def _warm_up(place: Path) -> None:
    """Import here what is mutated and its tests, so that a fork imports anew only what a mutation changes."""
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ.setdefault("CHARTLAKE_SHARED_DATA", str(ROOT.parent / "shared" / "data"))
    sys.dont_write_bytecode = True
    os.chdir(place)
    sys.path[:0] = [str(place)]
    for name in [name for name in sys.modules if name.split(".")[0] in OURS and name != __name__]:
        del sys.modules[name]
    for name in ("conftest", "test_entries", "test_lake", "test_extract", "test_imports", "simulation.bad_days"):
        import_module(f"tests.{name}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove.mutation", description=__doc__)
    parser.add_argument(
        "session", type=Path, help="the database of `cosmic-ray init`; what it knows is not tried again"
    )
    parser.add_argument("--seed", type=int, default=1, help="the order in which they are tried")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no more after so many")
    parser.add_argument("--survivors", action="store_true", help="try those that survived once more")
    asked = parser.parse_args()
    session, end = asked.session.resolve(), time.monotonic() + 60 * asked.minutes
    told = session.with_suffix(".json")
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder, use_db(str(session), WorkDB.Mode.open) as db:
        for source in (ROOT / name for name in COPIED):
            (shutil.copytree if source.is_dir() else shutil.copy)(source, Path(folder, source.name))
        _warm_up(Path(folder))
        files = sorted({str(item.mutations[0].module_path) for item in db.work_items})
        if not told.exists():
            code, said = in_a_fork(partial(cover, files, told), 3600)
            if code != 0:
                print(f"The tests fail without any mutation:\n{said[-2000:]}")
                told.unlink(missing_ok=True)
                return 1
        choice = Choice(told)
        for item in survivors(db) if asked.survivors else pending(db, asked.seed):
            if time.monotonic() > end:
                break
            result = tried(choice, item.mutations[0])
            db.set_result(item.job_id, result)
            print(
                f"{item.mutations[0].module_path}:{result.diff}\n  {result.test_outcome.value}, {result.output}",
                flush=True,
            )
        tell(db)
    return 0


if __name__ == "__main__":
    sys.exit(main())
