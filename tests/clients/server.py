"""A vsmtp of our own on a free port of loopback, in a folder that goes away with it."""

import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kit import TOP, Skip, expect, until  # noqa: E402

CONFIG = """\
version_requirement = ">=1.0.0"
[server]
domain = "home.example"
{server}
[server.system]
{system}
[server.interfaces]
addr = ["127.0.0.1:0"]
{interfaces}
[server.logs]
filepath = "server.log"
level = ["{level}"]
[server.queues]
dirpath = "queues"
[app]
dirpath = "app"
[app.logs]
filepath = "app.log"
[app.vsl]
filepath = "main.vsl"
"""

# Nobody is there: no test asks the world, and mail for others waits.
NO_NAMES = """\
[server.dns]
type = "custom"
config = { name_servers = ["127.0.0.1:9"] }
options = { timeout = "200ms", attempts = 1 }
"""


def worth_reading(log):
    """Of what a program said: from the first word of a sanitizer on, or the end."""
    lines = log.splitlines()
    first = [n for n, line in enumerate(lines) if "ERROR: " in line or "runtime error: " in line]
    return "\n".join(lines[first[0]:][:30] if first else lines[-15:])


class Server:
    """program: a list, the command and what stands before it (an emulator). rules: FILE: text."""

    def __init__(self, program, rules, server="", level="info", mailboxes=("alice",), env=None,
                 interfaces=""):
        self.program = list(program)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vsmtp-"))
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        root = 'user = "root"\ngroup = "root"' if os.geteuid() == 0 else ""
        config = CONFIG.format(server=server, system=root, level=level, interfaces=interfaces)
        if "[server.dns]" not in config:
            config += NO_NAMES
        (self.dir / "vsmtp.toml").write_text(config)
        for name, text in rules.items():
            (self.dir / name).write_text(text)
        for name in mailboxes:
            self.mailbox(name).mkdir(parents=True)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.tell()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            self.stop()
        except BaseException:
            self.tell()
            raise
        if kind in (None, Skip):
            shutil.rmtree(self.dir)
        else:
            self.tell()

    def tell(self):
        """After a failure."""
        print(f"its folder: {self.dir}", *map(worth_reading, (self.log(), self.log("server.log"))), sep="\n")
        if self.process and self.process.poll() is None:
            self.process.kill()

    def log(self, name="log"):
        file = self.dir / name
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self):
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                [*self.program, "-c", "vsmtp.toml"],
                cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.port = until("the server to listen", self.listening)

    def listening(self):
        self.ports = [int(n) for n in re.findall(r"^listening on .*:(\d+)$", self.log(), re.M)]
        status = self.process.poll()
        expect(status is None, f"the server ended with status {status}")
        return self.ports and self.ports[0]

    def stop(self):
        """It may have been killed by a test, but not have died by itself."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60) if self.process else 0
        expect(status in (0, -signal.SIGKILL), f"the server ended with status {status}")

    def verb(self, *arguments):
        """What a command of the program prints."""
        return subprocess.run(
            [*self.program, *arguments, "-c", "vsmtp.toml"], cwd=self.dir, env=self.env,
            check=True, capture_output=True, text=True).stdout

    def sql(self, statement):
        """The rows of a statement, as the sqlite3 command would see them."""
        db = sqlite3.connect(self.dir / "queues" / "vsmtp.db", timeout=10, isolation_level=None)
        try:
            return db.execute(statement).fetchall()
        finally:
            db.close()

    def mailbox(self, name):
        return self.dir / "app" / "mailboxes" / "home.example" / name

    def mails(self, name="alice", count=0):
        """The mails delivered to a mailbox, as bytes, once there are count of them."""
        new = self.mailbox(name) / "Maildir" / "new"

        def enough():
            files = sorted(new.iterdir()) if new.is_dir() else []
            return files if len(files) >= count else None

        files = until(f"{count} mails in {new}", enough) if count else enough()
        return [file.read_bytes() for file in files]
