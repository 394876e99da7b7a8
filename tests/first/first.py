#!/usr/bin/env python3
"""What somebody meets who has never heard of vsmtp: first.py PROGRAM [PART].

The first page of README.md and its "Set it up": what is printed and what is written there are the same
commands, its blocks can be used as they stand, and whatever root did by hand before is told with what to
type. Tests that need root say so and are skipped without.
"""

import contextlib
import os
import pathlib
import pty
import pwd
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import tomllib

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))
import kit  # noqa: E402
from kit import Skip, expect, free_port, needs_root, until  # noqa: E402

README = (TOP / "README.md").read_text()
TRY = TOP / "rules/examples/home/try.sh"
NOBODY = pwd.getpwnam("nobody")


@contextlib.contextmanager
def folder():
    """One that everybody may enter, which goes away after a test that passes."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="vsmtp-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def said(*command, stdin="", user=None, **how):
    """Status and output of a program, run by that user."""
    who = dict(user=user.pw_uid, group=user.pw_gid, extra_groups=[]) if user else {}
    done = subprocess.run([str(word) for word in command], input=stdin, text=True, errors="replace", timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **who, **how)
    return done.returncode, done.stdout


# ---- README.md --------------------------------------------------------------------------------------------

def section(title):
    """The text under a heading, up to the next one of its level."""
    level = re.search(rf"^(#+) {re.escape(title)}$", README, re.M)
    rest = README[level.end():]
    end = re.search(rf"^#{{1,{len(level[1])}}} ", rest, re.M)
    return rest[:end.start()] if end else rest


def blocks(text):
    """What stands four columns in."""
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.M)
    return [re.sub(r"^    ", "", block, flags=re.M) for block in found]


def test_page_is_what_run_prints():
    """every command that `make run` prints stands in README in the same words, and the other way round"""
    text = re.search(r"<<'TEXT'\n(.*?)\nTEXT\n", TRY.read_text(), re.S)[1]
    printed = blocks(text.replace("@FOLDER@", "run").replace("@BUILD@", "build"))
    page = blocks(section("Try it"))
    page = page[page.index("make run\n") + 1:]
    expect(page == printed, f"README: {page}\nprinted: {printed}")


def is_toml(text):
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return bool(tomllib.loads(text))
    return False


def toml_blocks():
    """Of each block what is for vsmtp.toml: its paragraphs that are, in a row."""
    for block in blocks(README):
        row = ""
        for paragraph in re.split(r"\n\n+", block) + [""]:
            if is_toml(paragraph):
                row += paragraph.rstrip("\n") + "\n\n"
            elif row:
                yield row
                row = ""


def merged(config, block):
    """As README tells it: lines go under a header that is there, in place of those of the same name."""
    pieces = re.split(r"^(\[[^\n]*\])[^\n]*\n", block, flags=re.M)
    expect(not re.sub(r"#.*|\s", "", pieces[0]), f"lines before any header: {pieces[0]}")
    for header, lines in zip(pieces[1::2], pieces[2::2]):
        if header not in config.splitlines():
            config += f"\n{header}\n{lines}"
            continue
        for line in lines.splitlines():
            key = re.match(r'("[^"]*"|[\w.-]+) *=', line)
            if key:
                at = config.index(header + "\n") + len(header) + 1
                end = re.compile(r"^\[", re.M).search(config, at)
                end = end.start() if end else len(config)
                own = re.sub(rf"^{re.escape(key[1])} *=.*\n", "", config[at:end], flags=re.M)
                config = config[:at] + line + "\n" + own + config[end:]
    return config


def test_blocks_merge():
    """each block for vsmtp.toml, merged into what `init` writes, passes `check` on a bare system"""
    toml = list(toml_blocks())
    expect(len(toml) >= 7, f"only {len(toml)} blocks")
    certificate = next(b for b in blocks(README) if "openssl req" in b)
    openssl = re.search(r"openssl req(?:.*\\\n)*.*\n", certificate)[0]
    with folder() as f:
        program, conf = kit.PROGRAM[0], f / "conf"
        status, text = said(program, "init", "home.example", "--dir", conf)
        expect(status == 0, text)
        (conf / "tls").mkdir()
        status, text = said("sh", "-e", "-c", openssl, cwd=conf / "tls")
        expect(status == 0, text)
        for key in (conf / "tls/privkey.pem", conf / "relay_password"):
            key.touch()
            key.write_text(key.read_text() or "secret\n")
            key.chmod(0o644)  # whoever the server is here
        first = (conf / "vsmtp.toml").read_text()
        for block in toml:
            block = block.replace("/etc/vsmtp", str(conf))
            whole = block if "version_requirement" in block else merged(first, block)
            if whole == block:  # its logs would be the machine's
                whole += "".join(f'[{of}.logs]\nfilepath = "{f}/log/{of}.log"\n' for of in ("server", "app"))
            tomllib.loads(whole)
            (conf / "vsmtp.toml").write_text(whole)
            status, text = said(program, "check", "-c", conf / "vsmtp.toml")
            if "token_command" in block:  # of a program and a user that README does not promise
                lines = [s for s in text.splitlines() if "error" in s or ": " in s and "warning" not in s]
                expect(all("token" in s for s in lines if s.startswith(str(conf))), text)
            elif "version_requirement" in block:  # names no folder: they are those of who starts it
                expect(status == 0 or os.geteuid() == 0, f"{status}: {text}\n{whole}")
            else:
                expect(status == 0, f"{status}: {text}\n{whole}")


def test_table_twice():
    """who pastes a table that is there already is told both places, and what to do"""
    with folder() as f:
        program = kit.PROGRAM[0]
        said(program, "init", "home.example", "--dir", f / "conf")
        path = f / "conf/vsmtp.toml"
        before = path.read_text().splitlines()
        path.write_text("\n".join(before) + '\n[server.interfaces]\naddr = ["0.0.0.0:2525"]\n')
        status, text = said(program, "check", "-c", path)
        first = before.index("[server.interfaces]") + 1
        want = rf"{path}:{len(before) + 1}:\d+: .*already defined in line {first} \({path}:{first}:\d+\); .*that header"
        expect(status == 78 and re.search(want, text), text)


# ---- make run ---------------------------------------------------------------------------------------------

class Run:
    """`make run` in a terminal of its own, with what it writes in a folder of the test."""

    def __init__(self, top):
        self.run, self.text = top / "run", b""
        self.port = free_port()
        self.run.mkdir()
        home = TOP / "rules/examples/home"
        (self.run / "vsmtp.toml").write_text(
            (home / "vsmtp.toml").read_text().replace("10025", str(self.port)))
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(TOP)
            os.execvp("make", ["make", "-s", "run", f"RUN={self.run}", f"B={os.environ.get('B', 'build')}"])

    def read(self):
        if select.select([self.terminal], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                self.text += os.read(self.terminal, 65536)
        return self.text.decode(errors="replace")

    def says(self, words):
        until(f"'{words}' in {self.text[-500:]}", lambda: words in self.read(), 300)

    def ended(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"it does not end: {self.text[-1000:]}")


def test_run_and_ctrl_c():
    """what to try is printed when it serves; Ctrl-C ends it with one sentence and status 0"""
    with folder() as top:
        r = Run(top)
        r.says(f"vsmtp serves home.example on 127.0.0.1:{r.port}")
        socket.create_connection(("127.0.0.1", r.port), 20).close()
        r.says("serving version")
        text = r.text.decode()
        expect(text.index("listening on") < text.index("vsmtp serves"), text)
        expect(f"cat {r.run}/app/mailboxes/home.example/alice" in text, text)
        os.write(r.terminal, b"\x03")
        status = r.ended()
        last = r.read().split("^C")[-1]
        expect(status == 0, f"status {status}: {last}")
        expect("***" not in last and "Done" not in last, last)
        expect(last.strip().splitlines()[-1].startswith("vsmtp has ended"), last)


def test_run_terminated():
    """make that is ended takes the server along"""
    if said("setpriv", "--pdeathsig", "TERM", "true")[0] != 0:
        raise Skip("no setpriv")
    with folder() as top:
        r = Run(top)
        r.says("serving version")
        os.kill(r.pid, signal.SIGTERM)
        r.ended()
        until("the server's end", lambda: not kit.listens(r.port))


def test_run_taken():
    """a port that somebody has: who it is, and a status that is none"""
    with folder() as top, socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        r = None
        port = free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        free = globals()["free_port"]
        globals()["free_port"] = lambda: port
        try:
            r = Run(top)
        finally:
            globals()["free_port"] = free
        status = r.ended()
        text = r.read()
        expect(status != 0 and "serves" not in text, text)
        expect(re.search(rf"127.0.0.1:{port}: Address already in use by \S+ \(process {os.getpid()}\)", text), text)


def test_run_of_another():
    """a folder that root made before is told to whoever comes after, with what to type"""
    needs_root()
    with folder() as f:
        (f / "run/queue").mkdir(parents=True)
        shutil.copytree(TOP / "rules/examples", f / "rules/examples")
        (f / "build").mkdir()
        status, text = said("sh", f / "rules/examples/home/try.sh", "run", user=NOBODY, cwd=f)
        expect(status == 77 and "sudo chown -R nobody run" in text, f"{status} {text}")


# ---- ports ------------------------------------------------------------------------------------------------

CONFIG = """\
version_requirement = ">=1.0.0"
[server]
domain = "home.example"
{system}
[server.interfaces]
addr = ["{addr}"]
[server.logs]
filepath = "log/server.log"
[server.queues]
dirpath = "queues"
[app]
dirpath = "app"
[app.logs]
filepath = "log/app.log"
[app.vsl]
filepath = "main.vsl"
[app.aliases]
postmaster = ["first account"]
"""


def group_of(user):
    names = [line.split(":")[0] for line in open("/etc/group") if line.split(":")[2] == str(user.pw_gid)]
    return names[0]


def configure(where, addr=None, user=None):
    """user: whom a server that root starts becomes."""
    name = user.pw_name if user else "root"
    group = group_of(user) if user else "root"
    system = f'[server.system]\nuser = "{name}"\ngroup = "{group}"' if os.geteuid() == 0 else ""
    (where / "vsmtp.toml").write_text(CONFIG.format(addr=addr or f"127.0.0.1:{free_port()}", system=system))
    (where / "main.vsl").write_text("#{}")
    return where / "vsmtp.toml"


def test_taken_by_whom():
    """the start and `check` name who has a port, whatever the family; not when it is a server of ours"""
    kinds = [(socket.AF_INET, "127.0.0.1", "127.0.0.1:{}", True), (socket.AF_INET, "0.0.0.0", "127.0.0.1:{}", True),
             (socket.AF_INET, "127.0.0.1", "0.0.0.0:{}", True), (socket.AF_INET6, "::1", "[::1]:{}", True),
             (socket.AF_INET6, "::", "[::1]:{}", True), (socket.AF_INET6, "::ffff:127.0.0.1", "127.0.0.1:{}", True),
             (socket.AF_INET6, "::", "127.0.0.1:{}", False)]
    tried = 0
    for family, theirs, ours, sure in kinds:
        with folder() as f, contextlib.ExitStack() as stack:
            port = free_port()
            try:
                s = stack.enter_context(socket.socket(family))
                if family == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                s.bind((theirs, port))
            except OSError:  # a machine without IPv6
                continue
            s.listen()
            tried += 1
            path = configure(f, ours.format(port))
            status, text = said(kit.PROGRAM[0], "check", "-c", path)
            expect(status == 0 and (f"(process {os.getpid()})" in text) == sure, f"{theirs}: {status} {text}")
            if sure:
                expect(re.search(rf"{path}:\d+:\d+: warning: server.interfaces.addr: .* is in use by", text), text)
            status, text = said(kit.PROGRAM[0], "-c", path)
            expect(status == 74 and re.search(rf"in use by \S+ \(process {os.getpid()}\)", text),
                   f"{theirs}: {status} {text}")
    expect(tried >= 3, "IPv4 alone has three")


# ---- folders ----------------------------------------------------------------------------------------------

@contextlib.contextmanager
def serving(config):
    out = open(config.parent / "out", "ab")
    process = subprocess.Popen([kit.PROGRAM[0], "-c", config], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        until(f"the server; it said {(config.parent / 'out').read_text()[-800:]}",
              lambda: process.poll() is not None or "listening on" in (config.parent / "out").read_text())
        expect(process.poll() is None, f"it ended: {(config.parent / 'out').read_text()[-1500:]}")
        yield process
    finally:
        process.terminate()
        process.wait(60)
        out.close()
        os.remove(config.parent / "out")


def whose(top):
    """Everything below a folder and itself, with the uid it belongs to."""
    return {p: os.lstat(p).st_uid for p in [top, *top.rglob("*")]}


def mail(config, to):
    """A whole mail, which must be accepted."""
    port = int(re.search(r'addr = \["127.0.0.1:(\d+)"', config.read_text())[1])
    with socket.create_connection(("127.0.0.1", port), 60) as s, s.makefile("rwb", buffering=0) as f:
        for line, want in [(None, b"220"), (b"HELO me", b"250"), (b"MAIL FROM:<>", b"250"),
                           (b"RCPT TO:<%s>" % to.encode(), b"250"), (b"DATA", b"354"),
                           (b"Subject: x\r\n\r\nx\r\n.", b"250"), (b"QUIT", b"221")]:
            if line:
                f.write(line + b"\r\n")
            got = f.readline()
            expect(got.startswith(want), f"{line}: {got}")


def got_mail(top, name):
    new = top / "app/mailboxes/home.example" / name / "Maildir/new"
    until(f"mail for {name}", lambda: new.is_dir() and list(new.iterdir()))


def test_account_before_the_start():
    """`user add` makes database and folder as the server's user, and the server takes them"""
    with folder() as f:
        user = NOBODY if os.geteuid() == 0 else None
        config = configure(f, user=user)
        status, text = said(kit.PROGRAM[0], "check", "-c", config)
        expect(status == 0, text)
        status, text = said(kit.PROGRAM[0], "user", "add", "alice@home.example", "-c", config, stdin="open sesame\n",
                            umask=0o077)
        expect(status == 0 and not text, f"{status} {text}")
        expect(stat.S_IMODE(os.stat(f / "queues").st_mode) & 0o711 == 0o711 or not user, "nobody may enter the spool")
        expect(set(whose(f / "queues").values()) == {user.pw_uid if user else os.geteuid()}, whose(f / "queues"))
        with serving(config):
            mail(config, "alice@home.example")
            got_mail(f, "alice")
            mail(config, "postmaster")
            new = f / "app/mailboxes/home.example/alice/Maildir/new"
            until("postmaster's mail", lambda: len(list(new.iterdir())) == 2)


def test_nothing_becomes_roots():
    """no command that root calls leaves a file of root's in the folders of the server, before or after a start"""
    needs_root()
    calls = [["queue"], ["queue", "list"], ["queue", "show", "x"], ["queue", "retry", "--all"], ["quarantine"],
             ["quarantine", "release", "x"], ["explain", "x"], ["user", "list"], ["check"], ["config-show"],
             ["user", "passwd", "alice@home.example"], ["user", "remove", "bob@home.example"],
             ["spf", "--ip", "192.0.2.1", "--helo", "x.example", "--mail-from", "", "--dns", "127.0.0.1:9"]]
    with folder() as f:
        config = configure(f, user=NOBODY)
        for name in ("mailq", "vqueue", "sendmail"):
            (f / name).symlink_to(kit.PROGRAM[0])
        for started in (False, True):
            said(kit.PROGRAM[0], "user", "add", f"a{started}@home.example", "-c", config, stdin="open sesame\n")
            for call in calls:
                status, text = said(kit.PROGRAM[0], *call, "-c", config, stdin="secret word\n")
                expect(status in (0, 65, 67, 69, 75), f"{call}: {status} {text}")
            for call in (["mailq", "-c"], ["vqueue", "-c", config, "show"], ["sendmail", "-bp", "-C"]):
                words = call if config in call else [*call, config]
                said(f / words[0], *words[1:])
            roots = [p for p, uid in whose(f / "queues").items() if uid == 0]
            expect(not roots, f"root's: {roots}")
            with serving(config):
                mail(config, "postmaster")
            for top in (f / "queues", f / "app", f / "log"):
                roots = [p for p, uid in whose(top).items() if uid == 0]
                expect(not roots, f"root's after the server: {roots}")


def commands(text):
    return re.findall(r"type: (chown .*)", text)


def test_folders_root_made():
    """`check` and the start name them with the chown to type; when that is done all is well"""
    needs_root()
    made = [["queues"], ["app/mailboxes/home.example/alice"], ["queues", "app/mailboxes/home.example/alice", "log"],
            ["queues/drop"], ["app/mailboxes/home.example/alice/Maildir/new"], ["log"]]
    for names in made:
        for umask in ("022", "077"):
            with folder() as f:
                config = configure(f, user=NOBODY)
                for name in names:
                    expect(said("sh", "-c", f"umask {umask}; mkdir -p {name}", cwd=f)[0] == 0)
                status, text = said(kit.PROGRAM[0], "check", "-c", config)
                expect(commands(text), f"{names}: check says {text}")
                fatal = any(name.startswith(("queues", "app")) for name in names)
                expect(status == (78 if fatal else 0), f"{names}: {status} {text}")
                if fatal:
                    got, at_start = said(kit.PROGRAM[0], "-c", config, "-t", "1s")
                    expect(got == 78 and set(commands(text)) == set(commands(at_start)), f"{names}: {got} {at_start}")
                for _ in range(4):  # what was behind a closed folder is seen when that is open
                    for command in commands(text):
                        expect(said("sh", "-c", command)[0] == 0, command)
                    status, text = said(kit.PROGRAM[0], "check", "-c", config)
                    if not commands(text):
                        break
                expect(status == 0 and not commands(text), f"{names}: {status} {text}")
                (f / "app/mailboxes/home.example/alice").mkdir(parents=True, exist_ok=True)
                for p in (f / "app").rglob("*"):
                    os.chown(p, NOBODY.pw_uid, NOBODY.pw_gid)
                os.chown(f / "app", NOBODY.pw_uid, NOBODY.pw_gid)
                with serving(config):
                    mail(config, "alice@home.example")
                    got_mail(f, "alice")


def test_files_root_made():
    """a database that root made by hand, or a log, is told in the same way, also by the commands"""
    needs_root()
    with folder() as f:
        config = configure(f, user=NOBODY)
        with serving(config):
            pass
        for name in ("queues/vsmtp.db", "log/server.log"):
            os.chown(f / name, 0, 0)
            os.chmod(f / name, 0o600)
            status, text = said(kit.PROGRAM[0], "check", "-c", config)
            expect(status == 78 and len(commands(text)) == 1 and name in commands(text)[0], f"{status} {text}")
            status, at_start = said(kit.PROGRAM[0], "-c", config)
            expect(status != 0 and commands(at_start) == commands(text), at_start)
            if "db" in name:
                status, by_verb = said(kit.PROGRAM[0], "queue", "-c", config)
                expect(status == 77 and commands(by_verb) == commands(text), f"{status} {by_verb}")
            said("sh", "-c", commands(text)[0])
            with serving(config):
                pass


def test_line_of_the_readme():
    """README's own line makes mailbox and folders right, before the first start and after"""
    needs_root()
    line = next(b for b in blocks(README) if "install -d" in b and "mailboxes" in b)
    line = line.replace("-o vsmtp -g vsmtp", f"-o nobody -g {group_of(NOBODY)}")
    for before in (True, False):
        with folder() as f:
            config = configure(f, user=NOBODY)
            config.write_text(config.read_text().replace('"queues"', '"spool"').replace('"app"', '"spool/app"'))
            if not before:
                with serving(config):
                    pass
            status, text = said("sh", "-e", "-c", line.replace("/var/spool/vsmtp", str(f / "spool")))
            expect(status == 0, text)
            status, text = said(kit.PROGRAM[0], "check", "-c", config)
            expect(status == 0 and not commands(text), text)
            with serving(config):
                mail(config, "bob@home.example")
                got_mail(f / "spool", "bob")


def sendmail(where):
    """The program by its other name."""
    name = where / "sendmail"
    if not name.is_symlink():
        name.symlink_to(pathlib.Path(kit.PROGRAM[0]).absolute())
    return name


def test_root_follows_no_link():
    """what the server's user puts into his folders leads root nowhere: not at the start, not by a command"""
    needs_root()
    for name in ("log/server.log", "queues/drop", "queues/vsmtp.db", "queues/vsmtp.lock", "app/mailboxes"):
        with folder() as f:
            config = configure(f, user=NOBODY)
            secret = f / "secret"
            place = f / name
            for top in ("log", "queues", "app"):
                (f / top).mkdir(0o755)
                os.chown(f / top, NOBODY.pw_uid, NOBODY.pw_gid)
            secret.mkdir(0o700) if name in ("queues/drop", "app/mailboxes") else secret.touch(0o600)
            before = os.stat(secret)
            place.symlink_to(secret)
            said(kit.PROGRAM[0], "-c", config, "-t", "1s")
            said(kit.PROGRAM[0], "check", "-c", config)
            said(kit.PROGRAM[0], "user", "add", "alice@home.example", "-c", config, stdin="open sesame\n")
            said(kit.PROGRAM[0], "queue", "-c", config)
            said(sendmail(f), "-C", config, "alice@home.example", stdin="Subject: x\n\nx\n")
            after = os.stat(secret)
            for key in ("st_uid", "st_gid", "st_mode", "st_size"):
                expect(getattr(before, key) == getattr(after, key), f"{name}: {key} {after}")
            expect(not secret.is_dir() or not list(secret.iterdir()), f"{name}: something is in it")


def test_root_sends_mail():
    """what root leaves for the server is root's mail, and no file of root's"""
    needs_root()
    with folder() as f:
        config = configure(f, user=NOBODY)
        with serving(config):
            status, text = said(sendmail(f), "-C", config, "postmaster@home.example",
                                stdin="Subject: from cron\n\nIt works.\n")
            expect(status == 0, text)
            got_mail(f, "postmaster")
            got = next((f / "app/mailboxes/home.example/postmaster/Maildir/new").iterdir()).read_text()
            expect("from userid 0" in got and "Return-Path: <root@" in got, got)
        (f / "queues/drop").mkdir(exist_ok=True)
        said(sendmail(f), "-C", config, "postmaster@home.example", stdin="x\n")
        left = list((f / "queues/drop").iterdir())
        expect(len(left) == 1 and left[0].stat().st_uid == NOBODY.pw_uid, left)
        left[0].unlink()


# ---- who may ----------------------------------------------------------------------------------------------

def test_others():
    """somebody of no special group hears what he may not, and may ask what SPF says; no key is read for it"""
    needs_root()
    with folder() as f:
        program = f / "vsmtp"
        shutil.copy(kit.PROGRAM[0], program)
        config = configure(f, user=pwd.getpwnam("daemon"))
        with serving(config):
            pass
        config.write_text(config.read_text().replace("[server.logs]", f"""\
[server.relay]
host = "smtp.provider.example:587"
user = "me"
password_file = "{f}/password"
[server.tls]
security_level = "May"
protocol_version = ">=TLSv1.2"
certificate = "{f}/closed/cert.pem"
private_key = "{f}/closed/key.pem"
[server.logs]"""))
        (f / "closed").mkdir(0o700)
        (f / "password").touch(0o600)
        for call in (["queue"], ["quarantine"], ["explain", "x"], ["user", "list"], ["user", "add", "b@home.example"]):
            status, text = said(program, *call, "-c", config, user=NOBODY, stdin="secret word\n")
            expect(status == 77 and text.count("\n") == 1, f"{call}: {status} {text}")
            expect("Permission denied; be root or the server's user" in text, text)
            status, text = said(program, *call, "-c", config, stdin="secret word\n")
            expect(status in (0, 67), f"{call} as root: {status} {text}")
        ask = ["spf", "--ip", "192.0.2.1", "--helo", "x.example", "--mail-from", "", "--dns", "127.0.0.1:9"]
        status, text = said(program, *ask, "-c", config, user=NOBODY)
        expect(status == 0 and text.startswith("temperror"), f"{status} {text}")
        config.chmod(0o640)
        status, text = said(program, "queue", "-c", config, user=NOBODY)
        expect(status == 77 and "Permission denied" in text and "root" in text, f"{status} {text}")


def test_denied_is_not_missing():
    """a folder that cannot be read is "Permission denied", whoever looks into it"""
    needs_root()
    with folder() as f:
        program = f / "vsmtp"
        shutil.copy(kit.PROGRAM[0], program)
        closed = f / "closed"
        closed.mkdir(0o700)
        configure(closed)
        (closed / "a.vsl").write_text("#{}")
        (closed / "aliases").write_text("root: alice\n")
        (f / "main.vsl").write_text(f'import "{closed}/a" as a;\n#{{}}')
        (f / "plain.vsl").write_text("#{}")
        own = CONFIG.format(addr=f"127.0.0.1:{free_port()}", system="").replace("main.vsl", "plain.vsl")
        home = dict(os.environ, HOME=str(f), XDG_STATE_HOME=str(f / "state"))
        tries = {
            "-c": (None, ["check", "-c", closed / "vsmtp.toml"], 78),
            "config-show": (None, ["config-show", "-c", closed / "vsmtp.toml"], 78),
            "serve": (None, ["-c", closed / "vsmtp.toml"], 78),
            "command": (None, ["queue", "-c", closed / "vsmtp.toml"], 77),
            "spf": (None, ["spf", "--ip", "192.0.2.1", "--helo", "x", "--mail-from", "", "-c", closed / "vsmtp.toml"],
                    78),
            "eval": (None, ["eval", closed / "a.vsl"], 66),
            "import": (own.replace("plain.vsl", "main.vsl"), ["check", "-c", f / "own.toml"], 78),
            "rules": (own.replace('"plain.vsl"', f'"{closed}/a.vsl"'), ["check", "-c", f / "own.toml"], 78),
            "aliases": (own.replace("[app]\n", f'[app]\naliases_file = "{closed}/aliases"\n'),
                        ["check", "-c", f / "own.toml"], 78),
            "spool": (own.replace('"queues"', f'"{closed}/q"'), ["check", "-c", f / "own.toml"], 78),
            "app": (own.replace('"app"', f'"{closed}/app"'), ["check", "-c", f / "own.toml"], 78),
            "log": (own.replace('"log/server.log"', f'"{closed}/l"'), ["check", "-c", f / "own.toml"], 78),
        }
        os.chown(f, NOBODY.pw_uid, NOBODY.pw_gid)
        for name, (text, call, want) in tries.items():
            if text:
                (f / "own.toml").write_text(text)
            status, heard = said(program, *call, user=NOBODY, env=home, cwd=f)
            expect(status == want, f"{name}: {status} {heard}")
            expect("ermission denied" in heard and "o such file" not in heard and "no file" not in heard,
                   f"{name}: {heard}")


if __name__ == "__main__":
    kit.main("first", kit.tests_of(globals()))
