"""What a command costs: all benchmarks start their processes here, so that the figures of one mean those of another."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[3]
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MEGABYTES = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True)
class Cost:
    """Time and memory of a process and its descendants.

    Parameters
    ----------
    seconds : float
        From its start to its end.
    cpu_seconds : float
        On all cores.
    peak_megabytes : int
        Largest resident set of all of them together.
    """

    seconds: float
    cpu_seconds: float
    peak_megabytes: int


class Family:
    """A process and its descendants, while they run. Their memory is looked at ten times a second.

    The kernel's own figure, ``ru_maxrss``, would count what this process held when it started the other.
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self.peak_megabytes = 0.0
        self._peak_since_taken = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def cpu_seconds(self) -> float:
        """So far; those that have ended are in the last two of the four numbers."""
        statistics = [line.rsplit(")", 1)[1].split() for line in _read_family(self._process, "stat")]
        return sum(int(value) for values in statistics for value in values[11:15]) / TICKS

    def take_peak(self) -> float:
        """Largest resident set since it was last taken, in megabytes."""
        peak, self._peak_since_taken = self._peak_since_taken, 0.0
        return peak

    def _watch(self) -> None:
        while statistics := _read_family(self._process, "statm"):
            megabytes = sum(int(line.split()[1]) for line in statistics) * PAGE_MEGABYTES
            self.peak_megabytes = max(self.peak_megabytes, megabytes)
            self._peak_since_taken = max(self._peak_since_taken, megabytes)
            time.sleep(0.1)


def _read_family(process: int, name: str) -> list[str]:
    """What Linux says of a process and all its descendants; nothing of those that are gone."""
    folder = Path(f"/proc/{process}")
    try:
        lines = [folder.joinpath(name).read_text()]
        children = [child for task in folder.glob("task/*/children") for child in task.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [line for line in lines if line] + [line for child in children for line in _read_family(int(child), name)]


def measured(
    command: list[str],
    environment: dict[str, str] | None = None,
    on_line: Callable[[str, Family], None] | None = None,
) -> Cost:
    """Run a command at the root of the project.

    Parameters
    ----------
    command
        Program and arguments; Python finds the package of the project.
    environment
        Variables on top of those of this process.
    on_line
        Called with each line that the command prints, as it appears; without it, lines go where this process prints.

    Raises
    ------
    subprocess.CalledProcessError
        If the command fails.
    """
    paths = os.pathsep.join(filter(None, (str(PROJECT / "python"), os.environ.get("PYTHONPATH"))))
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": paths} | (environment or {}),
        stdout=subprocess.PIPE if on_line else None,
        text=True,
    )
    family = Family(process.pid)
    if on_line:
        for line in process.stdout:
            on_line(line, family)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(seconds, usage.ru_utime + usage.ru_stime, round(family.peak_megabytes))
