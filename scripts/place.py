"""A daemon on folders of its own, with what the scripts that load or kill it have in common."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

build = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".build", "release"))
memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
patience = 120
faults = []


def names(folder):
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def manifest_fault(folder):
    """What is wrong with a result, None when it is whole."""
    try:
        files = json.loads(text(f"{folder}/manifest.json"))["files"]
        found = {os.path.relpath(os.path.join(root, file), folder)
                 for root, _, inner in os.walk(folder) for file in inner} - {"manifest.json"}
        if found != set(files):
            return f"{folder}: files differ from the manifest: {sorted(found ^ set(files))}"
        for path, entry in files.items():
            with open(f"{folder}/{path}", "rb") as file:
                if hashlib.sha256(file.read()).hexdigest() != entry["sha256"]:
                    return f"{folder}/{path}: not what the manifest says"
    except (OSError, ValueError, KeyError) as error:
        return f"{folder}: {error}"
    return None


def rejection_fault(folder):
    missing = [name for name in ("reason.txt", "input") if not os.path.exists(f"{folder}/{name}")]
    return f"{folder}: without {', '.join(missing)}" if missing else None


class Place:
    """A daemon on folders of its own, and a watcher that looks at every folder as soon as it is visible."""

    def __init__(self, settings, is_watched=True, plugins=("Echo",)):
        self.path = tempfile.mkdtemp(prefix="intray-test-", dir=memory)
        self.inbox, self.outbox = f"{self.path}/Inbox", f"{self.path}/Outbox"
        self.state, self.rejected = f"{self.path}/.intray", f"{self.path}/.intray/rejected"
        for folder in ("plugins", "Inbox", "staging"):
            os.mkdir(f"{self.path}/{folder}")
        for plugin in plugins:
            shutil.copy(f"{build}/lib{plugin}.so", f"{self.path}/plugins")
        with open(f"{self.path}/intray.yaml", "w") as file:
            file.write(f"plugins: plugins\nsettle: 10ms\ndisk_floor: 0KiB\n{settings}")
        self.log = open(f"{self.path}/intrayd.log", "w")
        self.daemon = None
        self.batches = {}
        self.seen = set()
        self.is_faulty = False
        self.is_over = threading.Event()
        # Looking at thousands of folders all the time would itself be the load.
        self.watcher = threading.Thread(target=self.watch, daemon=True) if is_watched else None
        if self.watcher:
            self.watcher.start()

    def fail(self, text):
        self.is_faulty = True
        faults.append(text)
        print(f"  FAULT {text}", flush=True)

    def watch(self):
        while not self.is_over.wait(0.003):
            self.look()

    def look(self):
        for folder, check in ((self.outbox, manifest_fault), (self.rejected, rejection_fault)):
            for name in names(folder):
                path = f"{folder}/{name}"
                if name.startswith(".") or path in self.seen:
                    continue
                self.seen.add(path)
                if fault := check(path):
                    self.fail(f"visible and not whole: {fault}")

    def drop(self, kind, delay=0):
        """One folder with a table of its own, by which it is known whatever it is called later."""
        number = len(self.batches)
        name = f"job{number:04}"
        self.batches[number] = kind
        staged = f"{self.path}/staging/{name}"
        os.mkdir(staged)
        with open(f"{staged}/input.csv", "w") as file:
            file.write(f"number\n{number}\n")
        ways = {"fails": "permanent", "once": "first_attempt"}
        runner = "ecko" if kind == "refused" else "echo"
        with open(f"{staged}/{name}.yaml", "w") as file:
            file.write(f"run: {runner}\ndata: {{input: input.csv}}\n"
                       f"with: {{repeat: 2, delay_ms: {delay}, fail: {ways.get(kind, 'none')}}}\n")
        os.rename(staged, f"{self.inbox}/{name}")
        return name

    def start(self, fault=None):
        environment = {key: value for key, value in os.environ.items() if key != "INTRAY_FAULT"}
        if fault:
            environment["INTRAY_FAULT"] = fault
        self.daemon = subprocess.Popen([f"{build}/intrayd"], cwd=self.path, stderr=self.log, env=environment)

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def workers(self):
        try:
            pids = text(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").split()
        except OSError:
            return []
        return [int(pid) for pid in pids]

    def intray(self, *arguments):
        return subprocess.run([f"{build}/intray", *arguments], cwd=self.path, capture_output=True, text=True)

    def answers(self):
        """Whether the daemon is ready: it knows no job of this name."""
        return self.intray("cancel", "nobody").returncode == 66

    def ends(self):
        """Where each batch ended, by its number."""
        found = {}
        for folder in (self.outbox, self.rejected):
            for name in names(folder):
                if name.startswith("."):
                    continue
                for root, _, files in os.walk(f"{folder}/{name}/input"):
                    if "input.csv" in files:
                        number = int(text(f"{root}/input.csv").split()[1])
                        found.setdefault(number, []).append(f"{os.path.basename(folder)}/{name}")
        return found

    def is_settled(self):
        return len(self.ends()) >= len(self.batches) and not names(self.inbox) and not any(
            names(f"{self.state}/{folder}") for folder in ("work", "claims"))

    def wait(self, condition, patience=patience):
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def fsck(self, when, label):
        result = self.intray("fsck")
        if result.returncode != 0:
            self.fail(f"{label}: fsck {when}: {result.stdout}{result.stderr}".strip())

    def remove(self):
        """Not where something is wrong with it: then it is there to be looked at."""
        self.is_over.set()
        if self.watcher:
            self.watcher.join()
        self.log.close()
        if not self.is_faulty:
            shutil.rmtree(self.path)
        else:
            print(f"  everything is in {self.path}", flush=True)

    def check(self, label):
        """The last daemon has everything to its end; each batch is where it belongs, once."""
        if not self.wait(self.answers) or not self.wait(self.is_settled):
            self.fail(f"{label}: not settled within {patience} s: {self.ends()}, inbox {names(self.inbox)}")
        self.fsck("beside the daemon", label)
        self.daemon.terminate()
        if self.daemon.wait() != 0:
            self.fail(f"{label}: the daemon ended with {self.daemon.returncode}")
        self.fsck("after its end", label)
        self.is_over.set()
        if self.watcher:
            self.watcher.join()
        self.look()
        allowed = {"done": {"Outbox"}, "once": {"Outbox"}, "fails": {"rejected"}, "refused": {"rejected"},
                   "cancelled": {"Outbox", "rejected"}}
        ends = self.ends()
        told = set(re.findall(r" (\S+): (?:done|rejected|cancelled)\b", text(f"{self.path}/intrayd.log")))
        for number, kind in self.batches.items():
            if f"job{number:04}" not in told:
                self.fail(f"{label}: the end of batch {number} ({kind}) was never told")
            places = ends.get(number, [])
            if len(places) != 1 or os.path.dirname(places[0]) not in allowed[kind]:
                self.fail(f"{label}: batch {number} ({kind}) ended in {places}")
        for folder in (self.inbox, self.outbox, self.rejected, f"{self.state}/work", f"{self.state}/claims"):
            if hidden := [name for name in names(folder) if name.startswith(".")]:
                self.fail(f"{label}: left in {folder}: {hidden}")
        if kept := [name for name in names(self.state) if "damaged" in name]:
            self.fail(f"{label}: the store was damaged: {kept}")
        self.remove()
