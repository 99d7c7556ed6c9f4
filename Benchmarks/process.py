"""Runs a program and measures it from outside."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time


@dataclasses.dataclass
class Finished:
    output: str
    seconds: float
    peak_mib: float


class Failed(Exception):
    """A program ended with an error."""

    def __init__(self, command, status, errors):
        super().__init__(f"{os.path.basename(command[0])} ended with {status}: {errors.strip() or 'no message'}")
        self.status = status


def run(command, environment={}):
    """wait4(2): the peak is the largest of the program and of all processes that it waited for."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors, env=os.environ | environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise Failed(command, process.returncode, " / ".join(errors.read().splitlines()[-3:]))
        return Finished(output.read(), seconds, usage.ru_maxrss / 1024)


def python(script, *arguments, environment={}):
    """Runs a script of peers/; returns the JSON that it printed last, and the measures."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", script)
    done = run([sys.executable, path, *map(str, arguments)], environment)
    lines = done.output.splitlines()
    return (json.loads(lines[-1]) if lines else {}), done
