#!/usr/bin/env python3
"""The server as a service, seen from outside: service.py PROGRAM [PART].

Sockets given by a supervisor, what the supervisor is told, reloading under way, the rights of root
given up, and a helper that dies. Tests that need root say so and are skipped without.
"""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))
import kit  # noqa: E402
from kit import Skip, expect, free_port, needs_root, until  # noqa: E402

CONFIG = """\
version_requirement = ">=1.0.0"
[server]
domain = "home.example"
[server.system]
user = "{user}"
group = "{group}"
[server.interfaces]
addr = [{addr}]
{interfaces}
[server.logs]
filepath = "server.log"
level = ["{level}"]
[server.queues]
dirpath = "queues"
{tables}
[app]
dirpath = "app"
[app.logs]
filepath = "app.log"
[app.vsl]
filepath = "main.vsl"
"""
# As systemd does it: sockets from descriptor 3 on, and for which process they are.
GIVE = """\
import os, sys
user, n, words = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
fds = [os.dup2(int(fd), 400 + i) for i, fd in enumerate(words[:n])]
for fd in words[:n]:
    os.close(int(fd))
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(n))
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
os.execv(words[n], words[n:])
"""
ROOT = os.geteuid() == 0
LOW = free_port(range(600, 1000)) if ROOT else 0  # a port for root alone


def quoted(ports):
    return ", ".join(f'"127.0.0.1:{port}"' for port in ports)


class Service:
    """A server in a folder of its own, started as a supervisor would."""

    def __init__(self, program, ports=None, rules="#{}", user=None, group=None):
        self.program = program
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vsmtp-"))
        self.dir.chmod(0o755)
        self.ports = ports or [free_port()]
        self.user = user or ("root" if ROOT else "nobody")
        self.group = group or ("root" if ROOT else "nogroup")
        self.process = None
        (self.dir / "main.vsl").write_text(rules)
        self.configure()

    def configure(self, interfaces="", tables="", level="info", **changed):
        names = dict(user=self.user, group=self.group, addr=quoted(self.ports))
        names.update(changed)
        text = CONFIG.format(interfaces=interfaces, tables=tables, level=level, **names)
        (self.dir / "vsmtp.toml").write_text(text)

    def mailbox(self, name):
        folder = self.dir / "app/mailboxes/home.example" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def start(self, *options, env=None, given=(), notify=False, user=None, before=()):
        """given: listening sockets; notify: hear what the supervisor is told; user: the uid that
        gets the sockets; before: a command that starts the program."""
        env = dict(os.environ, **(env or {}))
        if notify:
            self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.notify.bind(str(self.dir / "notify"))
            (self.dir / "notify").chmod(0o777)
            self.notify.settimeout(60)
            env["NOTIFY_SOCKET"] = str(self.dir / "notify")
        fds = [s.fileno() for s in given]
        give = [sys.executable, "-c", GIVE, str(user or 0), str(len(fds)), *map(str, fds)]
        give = give if fds else before
        self.served = self.log().count("serving version")
        with open(self.dir / "out", "ab") as out:
            self.process = subprocess.Popen(
                [*give, self.program, "-c", "vsmtp.toml", *options], cwd=self.dir, env=env,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=fds)
        return self

    def heard(self):
        return self.notify.recv(1000).decode()

    def out(self):
        path = self.dir / "out"
        return path.read_text(errors="replace") if path.exists() else ""

    def log(self):
        path = self.dir / "server.log"
        return (path.read_text(errors="replace") if path.exists() else "") + self.out()

    def says(self, pattern, times=1):
        """The log says so, soon."""
        until(f"'{pattern}' in the log", lambda: len(re.findall(pattern, self.log())) >= times)

    def ready(self):
        def listening():
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with status {self.process.returncode}")
            return self.log().count("serving version") > self.served
        until("the server", listening)
        return self

    def reload(self, good=True):
        word = "reloaded configuration" if good else "reload failed"
        before = self.log().count(word)
        self.process.send_signal(signal.SIGHUP)
        self.says(word, before + 1)

    def connect(self, port=None):
        s = socket.create_connection(("127.0.0.1", port or self.ports[0]), timeout=60)
        f = s.makefile("rwb", buffering=0)
        f.socket = s
        s.close()  # the file keeps it
        expect(f.readline().startswith(b"220"), "no greeting")
        return f

    def helper(self):
        """The process that acts for others: the server's only child."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return int(pathlib.Path(path).read_text().split()[0])

    def check(self, expected):
        p = subprocess.run([self.program, "check", "-c", "vsmtp.toml"], cwd=self.dir,
                           capture_output=True, text=True)
        expect(p.returncode == expected, f"check ended with {p.returncode}: {p.stderr}")
        return p.stderr

    def end(self, status=0):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if self.process:
            got = self.process.wait(60)
            expect(got == status, f"it ended with status {got}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if self.process and kind is None:
                self.end()
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if kind is None:  # the helper ends what it is at
                until("an empty folder", lambda: shutil.rmtree(self.dir, True) or not
                      self.dir.exists())
            else:
                print(f"     its folder: {self.dir}\n{self.log()[-3000:]}")


def command(client, line, code):
    client.write(line + b"\r\n")
    got = client.readline()
    while got[3:4] == b"-":
        got = client.readline()
    expect(got.startswith(code), f"{line}: {got}")


def send(client, to=b"alice@home.example"):
    command(client, b"MAIL FROM:<bob@far.example>", b"250")
    command(client, b"RCPT TO:<" + to + b">", b"250")
    command(client, b"DATA", b"354")
    command(client, b"Subject: x\r\n\r\ntext\r\n.", b"250")


def gone(port):
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return False
    return True


# ---- a supervisor's sockets ----------------------------------------------------------------------

def test_given_sockets(program):
    """those that are configured are taken, also in another order; the rest is closed and named"""
    sockets = [socket.create_server(("127.0.0.1", free_port())) for _ in range(3)]
    ports = [s.getsockname()[1] for s in sockets]
    with Service(program, [ports[1], ports[0], free_port()]) as s:
        s.start(given=sockets).ready()
        for x in sockets:
            x.close()
        for port in s.ports:
            s.connect(port).close()
        s.says(f"the socket 127.0.0.1:{ports[2]} of the supervisor is in no server.interfaces")
        expect(gone(ports[2]), "a socket that is not configured is still open")


def test_given_waits_for_the_server(program):
    """who connects before the server is there is served by it"""
    with socket.create_server(("127.0.0.1", 0)) as x, \
            Service(program, [x.getsockname()[1]]) as s:
        early = socket.create_connection(x.getsockname(), timeout=60)
        s.start(given=[x]).ready()
        expect(early.recv(100).startswith(b"220"), "no greeting")
        early.close()


def test_given_to_another(program):
    """sockets for another process are none of ours"""
    with Service(program) as s:
        s.start(env={"LISTEN_PID": "1", "LISTEN_FDS": "3"}).ready()
        s.connect().close()


def test_given_low_port(program):
    """with a port from the supervisor the server is never root"""
    needs_root()
    nobody = pwd.getpwnam("nobody").pw_uid
    if any(not mode(folder) & stat.S_IXOTH for folder in pathlib.Path(program).parents):
        raise Skip("nobody may not reach the program")
    with socket.create_server(("127.0.0.1", LOW)) as x, Service(program, [LOW]) as s:
        alice = s.mailbox("alice")
        for folder in (s.dir, *s.dir.rglob("*")):
            os.chown(folder, nobody, nobody)
        s.start(given=[x], user=nobody).ready()
        expect(set(ids(s.process.pid)["Uid"]) == {str(nobody)}, "it is somebody else")
        client = s.connect()
        command(client, b"EHLO me", b"250")
        send(client)
        until("the mail", lambda: (alice / "Maildir/new").is_dir()
              and list((alice / "Maildir/new").iterdir()))
        s.reload()
        s.connect().close()


def test_socket_activate(program):
    """by systemd's own tool"""
    tool = shutil.which("systemd-socket-activate")
    if not tool:
        raise Skip("there is no systemd-socket-activate")
    with Service(program) as s:
        with open(s.dir / "out", "ab") as out:
            s.process = subprocess.Popen(
                [tool, "-l", f"127.0.0.1:{s.ports[0]}", program, "-c", "vsmtp.toml"],
                cwd=s.dir, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        until("the tool", lambda: "Listening" in s.out())
        s.connect().close()


# ---- what the supervisor is told -----------------------------------------------------------------

def test_told(program):
    with Service(program) as s:
        s.start(notify=True)
        expect(s.heard() == "READY=1", "not READY")
        s.connect().close()
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        s.reload()
        heard = s.heard()
        found = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", heard)
        expect(found and 0 <= int(found[1]) - before < 20_000_000, heard)
        expect(s.heard() == "READY=1", "not READY after a reload")
        (s.dir / "main.vsl").write_text("#{")
        s.reload(good=False)
        expect(s.heard().startswith("RELOADING=1") and s.heard() == "READY=1", "a failed reload")
        s.process.send_signal(signal.SIGTERM)
        expect(s.heard() == "STOPPING=1", "not STOPPING")


def test_told_by_abstract_name(program):
    name = f"vsmtp-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as n, Service(program) as s:
        n.bind("\0" + name)
        n.settimeout(60)
        s.start(env={"NOTIFY_SOCKET": "@" + name})
        expect(n.recv(100) == b"READY=1", "not READY")


# ---- reload --------------------------------------------------------------------------------------

def test_reload_ports(program):
    """those that stay lose nobody, new ones are there, others are closed"""
    a, b, c = free_port(), free_port(), free_port()
    with Service(program, [a, b]) as s:
        s.start().ready()
        stays, goes = s.connect(a), s.connect(b)
        s.ports = [a, c]
        s.configure()
        s.reload()
        s.connect(c).close()
        expect(gone(b), "a port that is configured no more is open")
        for client in (stays, goes):
            command(client, b"EHLO me", b"250")
            command(client, b"QUIT", b"221")
        s.connect(a).close()


def test_reload_under_load(program):
    """clients come all the time while the configuration changes back and forth: nobody is refused"""
    a, b = free_port(), free_port()
    with Service(program, [a]) as s:
        s.mailbox("alice")
        s.start().ready()
        for i in range(20):
            s.ports = [a, b] if i % 2 == 0 else [a]
            s.configure()
            s.process.send_signal(signal.SIGHUP)
            for _ in range(5):
                client = s.connect(a)
                command(client, b"EHLO me", b"250")
                send(client)
                command(client, b"QUIT", b"221")
                client.close()


def test_reload_taken_port(program):
    """a port that cannot be had fails the whole reload: rules and other ports stay as they were"""
    with socket.create_server(("127.0.0.1", 0)) as other, Service(program) as s:
        first = s.ports[0]
        s.start().ready()
        s.ports = [first, free_port(), other.getsockname()[1]]
        s.configure()
        (s.dir / "main.vsl").write_text('#{ mail: [ rule "no" || deny() ] }')
        s.reload(good=False)
        s.says(r"vsmtp.toml:8:\d+: cannot listen on 127.0.0.1:%d: Address already in use"
               % s.ports[2])
        expect(gone(s.ports[1]), "a port of a failed reload is open")
        client = s.connect(first)
        command(client, b"EHLO me", b"250")
        command(client, b"MAIL FROM:<a@b.example>", b"250")
        client.close()
        s.ports = [first]


def test_reload_fixed(program):
    """what a running server cannot change is named, with the line"""
    with Service(program) as s:
        s.start().ready()
        text = (s.dir / "vsmtp.toml").read_text()
        (s.dir / "vsmtp.toml").write_text(text.replace('"queues"', '"elsewhere"'))
        s.reload(good=False)
        s.says(r"vsmtp.toml:14:11: server.queues.dirpath cannot change while the server runs")


def test_reload_domain(program):
    """another domain has a postmaster at once"""
    with Service(program) as s:
        s.start().ready()
        text = (s.dir / "vsmtp.toml").read_text()
        (s.dir / "vsmtp.toml").write_text(text.replace("home.example", "new.example"))
        s.reload()
        client = s.connect()
        command(client, b"EHLO me", b"250")
        send(client, b"postmaster@new.example")
        new = s.dir / "app/mailboxes/new.example/postmaster/Maildir/new"
        until("the mail", lambda: new.is_dir() and list(new.iterdir()))


def test_reload_logs(program):
    with Service(program) as s:
        s.start().ready()
        s.configure(level="debug")
        text = (s.dir / "vsmtp.toml").read_text()
        (s.dir / "vsmtp.toml").write_text(text.replace('"server.log"', '"other.log"'))
        s.process.send_signal(signal.SIGHUP)
        until("the new log", lambda: (s.dir / "other.log").exists()
              and "reloaded" in (s.dir / "other.log").read_text())
        (s.dir / "vsmtp.toml").write_text(text.replace('"server.log"', '"no/such/folder/x.log"'))
        s.process.send_signal(signal.SIGHUP)
        until("the old log", lambda: "reload failed" in (s.dir / "other.log").read_text())


# ---- root ----------------------------------------------------------------------------------------

def as_root(program, rules="#{}", ports=None):
    """A server that root starts and that becomes nobody."""
    needs_root()
    nobody = pwd.getpwnam("nobody")
    group = "nogroup" if subprocess.run(["grep", "-q", "^nogroup:", "/etc/group"]).returncode == 0 \
        else "nobody"
    s = Service(program, ports, rules, "nobody", group)
    s.uid, s.gid = nobody.pw_uid, nobody.pw_gid
    return s


def ids(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: value.split() for key, value in re.findall(r"^(\w+):\t(.*)$", text, re.M)}


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_root_gives_up(program):
    """every id, every group, every capability; the helper keeps them; files are the server's alone"""
    with as_root(program, ports=[LOW]) as s:
        s.start().ready()
        server, helper = ids(s.process.pid), ids(s.helper())
        for key in ("Uid", "Gid"):
            expect(len(set(server[key])) == 1 and server[key][0] != "0", f"{key} {server[key]}")
            expect(set(helper[key]) == {"0"}, f"helper: {key} {helper[key]}")
        expect(server["Groups"] == [server["Gid"][0]], f"groups {server['Groups']}")
        for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            expect(int(server[key][0], 16) == 0, f"{key} {server[key]}")
        expect(server["NoNewPrivs"] == ["1"], "it may gain privileges")
        for name in os.listdir(s.dir / "queues"):
            path = s.dir / "queues" / name
            expect(os.stat(path).st_uid == s.uid, f"{name} is not the server's")
            if name.startswith("vsmtp.db"):
                expect(mode(path) == 0o600, f"{name} has mode {mode(path):o}")
        expect(os.stat(s.dir / "server.log").st_uid == s.uid, "the log is not the server's")
        s.mailbox("alice")
        client = s.connect()
        command(client, b"EHLO me", b"250")
        # Root made it, and root adopts nothing: the log says what to type.
        command(client, b"MAIL FROM:<a@b.example>", b"250")
        command(client, b"RCPT TO:<alice@home.example>", b"451")
        command(client, b"RSET", b"250")
        folder = s.dir / "app/mailboxes/home.example/alice"
        s.says(rf"ERROR delivery: mail for alice@home.example waits: .*type: chown -R .*: {folder}")
        expect(os.stat(folder).st_uid == 0, "somebody gave the folder away")
        os.chown(folder, s.uid, -1)
        send(client)
        new = s.dir / "app/mailboxes/home.example/alice/Maildir/new"
        until("the mail", lambda: new.is_dir() and list(new.iterdir()))
        expect(os.stat(list(new.iterdir())[0]).st_uid == s.uid, "the mail is not its owner's")


def test_root_reload_keeps_low_port(program):
    """a port below 1024 stays open; a new one fails the reload, with the line and what to type"""
    with as_root(program, ports=[LOW]) as s:
        s.start().ready()
        s.reload()
        s.connect(LOW).close()
        s.ports = [LOW, LOW - 1]
        s.configure()
        s.reload(good=False)
        s.says(rf"vsmtp.toml:8:\d+: cannot listen on 127.0.0.1:{LOW - 1}: Permission denied; .*"
               "systemctl restart vsmtp")
        s.connect(LOW).close()
        s.ports = [LOW]


def test_root_only_file(program):
    """what only root may read works at the start and fails the reload; check says so before"""
    with as_root(program) as s:
        (s.dir / "aliases").write_text("root: alice\n")
        (s.dir / "aliases").chmod(0o600)
        text = (s.dir / "vsmtp.toml").read_text()
        (s.dir / "vsmtp.toml").write_text(
            text.replace('dirpath = "app"', 'dirpath = "app"\naliases_file = "aliases"'))
        said = s.check(78)
        expect(re.search(r"^vsmtp.toml:\d+:16: reload: app.aliases_file: cannot read .*\(as user "
                         r"nobody\)\naliases_file = ", said, re.M), said)
        s.start().ready()
        s.reload(good=False)
        s.says(r"vsmtp.toml:\d+:\d+: app.aliases_file: cannot read .*aliases: Permission denied; "
               r"let the server's user read it: chgrp \w+ .*aliases && chmod g\+r .*aliases")
        os.chown(s.dir / "aliases", 0, s.gid)
        (s.dir / "aliases").chmod(0o640)
        s.reload()


def test_root_helper_dies(program):
    """only root could make another: the server, nobody by now, ends with an error"""
    with as_root(program) as s:
        s.start().ready()
        os.kill(s.helper(), signal.SIGKILL)
        got = s.process.wait(30)
        expect(got == 71, f"it ended with status {got}")
        s.process = None


# ---- the helper dies -----------------------------------------------------------------------------

def test_helper_dies(program):
    """the server ends with an error, so that whoever watches over it starts it anew; nothing is lost"""
    with Service(program) as s:
        alice = s.mailbox("alice")
        s.start().ready()
        os.kill(s.helper(), signal.SIGKILL)
        got = s.process.wait(30)
        expect(got == 71, f"it ended with status {got}")
        s.says("the helper died by signal 9")
        s.says("stopping, to be started anew with a helper")
        s.start().ready()
        client = s.connect()
        command(client, b"EHLO me", b"250")
        send(client)
        until("the mail", lambda: (alice / "Maildir/new").is_dir()
              and list((alice / "Maildir/new").iterdir()))


def running(*command, folder):
    """the first process of that command line there"""
    def is_it(pid):
        at = pathlib.Path("/proc", pid)
        with contextlib.suppress(OSError):
            return at.joinpath("cmdline").read_text().split("\0")[:-1] == list(command) and \
                at.joinpath("cwd").samefile(folder)
    return min(int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_it(pid))


def test_helper_dies_detached(program):
    """nobody would start it anew: it goes on, and mail for mailboxes waits"""
    with Service(program) as s:
        alice = s.mailbox("alice")
        s.start("--daemon")
        expect(s.process.wait(60) == 0, "it did not detach")
        pid = running(program, "-c", "vsmtp.toml", "--daemon", folder=s.dir)
        try:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGKILL)
            s.says("start the server anew: mail for mailboxes here waits")
            client = s.connect()
            command(client, b"EHLO me", b"250")
            send(client)
            s.says("status=deferred")
        finally:
            os.kill(pid, signal.SIGTERM)
            until("its end", lambda: not kit.lives(pid))
        s.start().ready()
        s.process.send_signal(signal.SIGUSR1)
        until("the mail", lambda: (alice / "Maildir/new").is_dir()
              and list((alice / "Maildir/new").iterdir()))


# ---- open files ----------------------------------------------------------------------------------

def files_allowed(process):
    text = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    return int(re.search(r"^Max open files +(\d+)", text, re.M)[1])


def set_clients(s, count):
    text = (s.dir / "vsmtp.toml").read_text()
    (s.dir / "vsmtp.toml").write_text(text.replace("[server]\n", f"[server]\nclient_count_max = {count}\n"))


def test_files_raised(program):
    """it takes what its configuration may need, at the start and by a reload, also where shells begin with few"""
    with Service(program) as s:
        s.start(before=["sh", "-c", 'ulimit -Sn 64; exec "$0" "$@"']).ready()
        need = files_allowed(s.process)
        expect(need > 128 + 500, f"{need} for 128 clients and 500 other servers")
        set_clients(s, 1000)
        s.reload()
        expect(files_allowed(s.process) == need + 1000 - 128, f"{need}, then {files_allowed(s.process)}")
        expect("open files" not in s.log(), s.log())


def test_files_few(program):
    """where the system allows fewer, it says so once, with what to type, and fewer are served, but well"""
    bound = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"] if ROOT else []
    with Service(program) as s:
        alice = s.mailbox("alice")
        s.start(before=[*bound, "sh", "-c", 'ulimit -n 200; exec "$0" "$@"']).ready()
        said = (r"the system allows 200 open files, and client_count_max = 128 may need (\d+): no more than (\d+) "
                r"clients and (\d+) connections .* ulimit -n \1 before the start")
        s.says(said)
        clients, others = map(int, re.search(said, s.log()).groups()[1:])
        expect(50 <= clients < 128 and 40 <= others < 100, (clients, others))
        for _ in range(2):
            s.reload()
        expect(len(re.findall(said, s.log())) == 1, "said again")
        here = [s.connect() for _ in range(clients)]
        with socket.create_connection(("127.0.0.1", s.ports[0]), timeout=60) as late:
            expect(late.recv(100).startswith(b"421"), "one too many is served")
        command(here[-1], b"EHLO me", b"250")
        send(here[-1])
        until("the mail", lambda: (alice / "Maildir/new").is_dir()
              and list((alice / "Maildir/new").iterdir()))
        expect("Too many open files" not in s.log(), s.log())
        for client in here:
            client.close()
            client.socket.close()


# ---- units ---------------------------------------------------------------------------------------

def test_unit_files(program):
    """systemd reads the units of contrib/ without a word"""
    tool = shutil.which("systemd-analyze")
    if not tool:
        raise Skip("there is no systemd-analyze")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in ("vsmtp.service", "vsmtp.socket"):
            text = (TOP / "contrib/systemd" / name).read_text()
            (folder / name).write_text(text.replace("/usr/local/bin/vsmtp", str(program)))
        p = subprocess.run([tool, "verify", *map(str, folder.iterdir())], capture_output=True,
                           text=True, env=dict(os.environ, SYSTEMD_LOG_LEVEL="warning"))
        said = [line for line in p.stderr.splitlines() if "vsmtp" in line]
        expect(p.returncode == 0 and not said, "\n".join(said) or p.stderr)


def test_script_files(program):
    """the other scripts are good sh"""
    for name in ("openrc/vsmtp", "openwrt/vsmtp.init"):
        p = subprocess.run(["sh", "-n", TOP / "contrib" / name], capture_output=True, text=True)
        expect(p.returncode == 0, p.stderr)


if __name__ == "__main__":
    kit.main("service", kit.tests_of(globals()), lambda test: test(kit.PROGRAM[0]))
