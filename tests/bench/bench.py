#!/usr/bin/env python3
"""vsmtp beside Postfix, in turn on this machine: bench.py PROGRAM. Prints a table, writes bench.md.

Both take mail over loopback and set it aside: Postfix in its hold queue, vsmtp in a quarantine.
Needs root, for Postfix. Everything lies in build/bench on the disk the sources are on; nothing is
installed. BENCH=part runs only the parts whose name contains it.
"""

import contextlib
import functools
import os
import pathlib
import pwd
import shutil
import re
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import kit  # noqa: E402
from kit import TOP, free_port  # noqa: E402

BUILD = TOP / os.environ.get("B", "build")
FOLDER = BUILD / "bench"
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
PART = os.environ.get("BENCH", "")
ROUNDS = 3
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))  # one run of one server
QUEUED = int(os.environ.get("BENCH_QUEUED", "1000000"))

CONFIG = """\
version_requirement = ">=1.0.0"
[server]
domain = "home.example"
client_count_max = 2000
[server.system]
user = "root"
group = "root"
[server.interfaces]
addr = ["127.0.0.1:0"]
[server.logs]
filepath = "server.log"
[server.queues]
dirpath = "queues"
[app]
dirpath = "app"
vsl.filepath = "main.vsl"
logs.filepath = "app.log"
"""
HOLD = 'rule "hold" || quarantine("bench")'
POLICY = [  # what a busy family server might ask of each mail
    f'rule "{n}" || if get_header("Subject").contains("offer{n}") || mail_from().domain == '
    f'"spam{n}.example" {{ deny() }} else {{ next() }}' for n in range(20)]

# Postfix wants system users of its own; these are on every Debian and own no files of ours.
MAIN_CF = """\
compatibility_level = 3.6
mail_owner = mail
setgid_group = news
default_privs = nobody
queue_directory = {dir}/spool
data_directory = {dir}/data
daemon_directory = {peers}/usr/lib/postfix/sbin
command_directory = {peers}/usr/sbin
shlib_directory = {peers}/usr/lib/postfix
meta_directory = {dir}/conf
import_environment = MAIL_CONFIG LANG=C LD_LIBRARY_PATH LD_PRELOAD SYNCS_COUNT SYNCS_DELAY
myhostname = home.example
mydestination = home.example
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
local_recipient_maps =
alias_maps =
alias_database =
smtpd_recipient_restrictions = static:hold
smtpd_client_connection_count_limit = 0
message_size_limit = 60000000
mailbox_size_limit = 0
"""
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
"""


PEERS, LIBRARIES = kit.unpacked("postfix", "lua5.4")
LIBRARIES = LIBRARIES["LD_LIBRARY_PATH"]
SHIM = FOLDER / "syncs.so"
until = functools.partial(kit.until, pause=0.001)


# ---- processes, from /proc -----------------------------------------------------------------------

def stat(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid):
    """pid and all that descend from it."""
    children = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(int(stat(entry.name)[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def summed(pid, one):
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            total += one(member)
    return total


def cpu_ms(pid):
    """of the family, with those that have ended"""
    tick = os.sysconf("SC_CLK_TCK")
    return summed(pid, lambda p: sum(map(int, stat(p)[11:15]))) * 1000 / tick


def field(pid, file, name):
    for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def written(pid):
    """bytes the family made the disk write; of living processes only"""
    return summed(pid, lambda p: field(p, "io", "write_bytes"))


def pss_mb(pid):
    return summed(pid, lambda p: field(p, "smaps_rollup", "Pss")) / 1024


# ---- the two servers -----------------------------------------------------------------------------

class Server:
    def __init__(self, delay=None):
        """delay: microseconds each sync takes longer; None: syncs are not even counted"""
        self.dir = FOLDER / self.name
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.dir.chmod(0o755)
        self.environment = dict(os.environ, LD_LIBRARY_PATH=LIBRARIES)
        self.counter = self.dir / "syncs"
        self.counter.write_bytes(bytes(8))
        self.counter.chmod(0o666)
        if delay is not None:
            self.environment.update(
                LD_PRELOAD=str(SHIM), SYNCS_COUNT=str(self.counter), SYNCS_DELAY=str(delay))
        self.prepare()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)

    def spawn(self, *command):
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.dir, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)
        self.pid = self.process.pid

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {(self.dir / 'log').read_text()[-1000:]}")

    def start(self):
        """Returns the milliseconds until the first banner."""
        began = time.monotonic()
        self.launch()
        until(f"{self.name}'s banner", self.banner)
        return (time.monotonic() - began) * 1000

    def banner(self):
        self.alive()
        port = self.listening()
        if not port:
            return False
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as c:
                return c.recv(512).startswith(b"220")
        except OSError:
            return False

    def syncs(self):
        return struct.unpack("=Q", self.counter.read_bytes())[0]


class Vsmtp(Server):
    name = "vsmtp"
    rules = [HOLD]
    port = None

    def prepare(self):
        (self.dir / "vsmtp.toml").write_text(CONFIG)
        (self.dir / "main.vsl").write_text("#{ preq: [\n  " + ",\n  ".join(self.rules) + "\n] }\n")
        (self.dir / "app/mailboxes/home.example/alice").mkdir(parents=True)

    def launch(self):
        self.port = None
        self.spawn(PROGRAM, "-c", "vsmtp.toml")

    def listening(self):
        if not self.port:
            for line in (self.dir / "log").read_text().splitlines():
                if line.startswith("listening on "):
                    self.port = int(line.rpartition(":")[2])
        return self.port

    def database(self):
        return self.dir / "queues" / "vsmtp.db"

    def sql(self, statement):
        return subprocess.run(
            ["sqlite3", self.database(), ".timeout 10000", statement], check=True,
            capture_output=True, text=True).stdout


class Encrypted(Vsmtp):
    """The same with TLS; ports: for STARTTLS, and for TLS from the first byte."""
    name = "encrypted"
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")

    def prepare(self):
        super().prepare()
        subprocess.run(["openssl", "req", "-x509", *self.key, "-nodes", "-days", "2", "-subj",
                        "/CN=home.example", "-keyout", self.dir / "key", "-out", self.dir / "crt"],
                       check=True, capture_output=True)
        (self.dir / "vsmtp.toml").write_text(CONFIG.replace(
            'addr = ["127.0.0.1:0"]', 'addr = ["127.0.0.1:0"]\naddr_submissions = ["127.0.0.1:0"]')
            + '[server.tls]\nsecurity_level = "May"\nprotocol_version = ">=TLSv1.2"\n'
              'certificate = "crt"\nprivate_key = "key"\n')

    def listening(self):
        said = (self.dir / "log").read_text()
        ports = re.findall(r"^listening on .*:(\d+)$", said, re.M)
        self.port, self.direct = (int(ports[0]), int(ports[1])) if len(ports) > 1 else (None, None)
        return self.port


class EncryptedRsa(Encrypted):
    key = ("-newkey", "rsa:2048")


class Policy(Vsmtp):
    rules = POLICY + [HOLD]


class Spf(Vsmtp):
    """Asks a name server of its own once, and then has the answers at hand."""

    def prepare(self):
        super().prepare()
        sys.path.insert(0, str(TOP / "tests" / "spf"))
        import names
        (self.dir / "dns").mkdir()
        self.dns = names.Names(self.dir / "dns", {
            "elsewhere.example": [("TXT", names.txt(b"v=spf1 ip4:192.0.2.0/24 mx -all")), ("MX", "1 mx.elsewhere.example.")],
            "mx.elsewhere.example": [("A", "127.0.0.1")]})
        with open(self.dir / "vsmtp.toml", "a") as conf:
            conf.write(f'[server.dns]\ntype = "custom"\nconfig.name_servers = ["127.0.0.1:{self.dns.port}"]\n')
        with open(self.dir / "main.vsl", "w") as rules:
            rules.write('#{ mail: [ rule "spf" || check_spf("mail_from", "spf") ], preq: [ ' + HOLD + " ] }\n")

    def __exit__(self, *what):
        super().__exit__(*what)
        self.dns.stop()


class Delegated(Vsmtp):
    """clamsmtpd and clamd look at each mail in stage; where it says so, it waits in quarantine then."""
    name = "delegated"

    def __init__(self, stage):
        self.stage = stage
        super().__init__()

    def prepare(self):
        super().prepare()
        sys.path.insert(0, str(TOP / "tests" / "delegate"))
        import filters
        port, back = free_port(), free_port()
        self.clamd = filters.Clamd()
        self.clamsmtpd = filters.Clamsmtpd(self.clamd, port, back)
        (self.dir / "vsmtp.toml").write_text(CONFIG.replace(
            '["127.0.0.1:0"]', f'["127.0.0.1:0", "127.0.0.1:{back}"]'))
        (self.dir / "main.vsl").write_text(
            f'service av smtp = #{{ delegator: #{{ address: "127.0.0.1:{port}" }},\n'
            f'  receiver: "127.0.0.1:{back}" }};\n'
            f'#{{ {self.stage}: [ delegate av "look" || quarantine("bench") ] }}\n')

    def listening(self):
        found = re.search(r"^listening on .*:(\d+)$", (self.dir / "log").read_text(), re.M)
        self.port = found and int(found[1])
        return self.port

    def __exit__(self, *what):
        super().__exit__(*what)
        self.clamsmtpd.stop()
        self.clamd.stop()


class Postfix(Server):
    name = "postfix"
    more = ""

    def prepare(self):
        mail, news = pwd.getpwnam("mail"), pwd.getpwnam("news")
        conf, spool, data = (self.dir / d for d in ("conf", "spool", "data"))
        for d in (conf, spool, data):
            d.mkdir()
        os.chown(data, mail.pw_uid, mail.pw_gid)
        for d in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
                  "private", "saved", "trace"):
            (spool / d).mkdir(0o700)
            os.chown(spool / d, mail.pw_uid, mail.pw_gid)
        for d, mode in (("maildrop", 0o1730), ("public", 0o2710)):
            (spool / d).mkdir()
            os.chown(spool / d, mail.pw_uid, news.pw_gid)
            (spool / d).chmod(mode)
        (spool / "pid").mkdir()
        self.port = free_port()
        (conf / "main.cf").write_text(MAIN_CF.format(dir=self.dir, peers=PEERS) + self.more)
        (conf / "master.cf").write_text(MASTER_CF.format(port=self.port))

    def launch(self):
        self.spawn(PEERS / "usr/lib/postfix/sbin/master", "-c", self.dir / "conf")

    def listening(self):
        return self.port


class PostfixLasting(Postfix):
    """Its processes stay, so that what they have written can be read to the end."""
    more = "max_use = 1000000\nmax_idle = 1h\n"


class Relay(Vsmtp):
    """Everything goes on to a sink, which takes it and forgets it."""
    name = "relay"

    def __init__(self, sink):
        self.sink = sink
        super().__init__()

    def prepare(self):
        super().prepare()
        (self.dir / "vsmtp.toml").write_text(
            CONFIG + f'[server.relay]\nhost = "127.0.0.1:{self.sink}"\ntls = "none"\n')
        (self.dir / "main.vsl").write_text('#{ rcpt: [ action "out" || deliver_all(), rule "all" || faccept() ] }')

    def waiting(self):
        return int(self.sql("SELECT count(*) FROM message"))


class PostfixRelay(Postfix):
    more = "smtpd_recipient_restrictions = permit\nmydestination =\n"

    def __init__(self, sink):
        self.more += f"relayhost = [127.0.0.1]:{sink}\n"
        super().__init__()

    def prepare(self):
        super().prepare()
        with open(self.dir / "conf/master.cf", "a") as conf:
            conf.write("smtp unix - - n - - smtp\nrelay unix - - n - - smtp\n")

    def waiting(self):
        return sum(len(files) for d in ("incoming", "active", "deferred")
                   for _, _, files in os.walk(self.dir / "spool" / d))


class PostfixWide(Postfix):
    more = "default_process_limit = 1100\n"


# ---- load ----------------------------------------------------------------------------------------

def send(server, sessions, messages, size, reuse=True):
    """Seconds smtp-source takes."""
    command = [PEERS / "usr/sbin/smtp-source", *(["-d"] if reuse else []),
               "-s", sessions, "-m", messages, "-l", size, "-f", "bob@elsewhere.example",
               "-t", "alice@home.example", f"inet:127.0.0.1:{server.port}"]
    began = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, capture_output=True,
                   env=dict(os.environ, LD_LIBRARY_PATH=LIBRARIES))
    return time.monotonic() - began


def enough(server, sessions, size, reuse=True):
    """How many messages take about SECONDS."""
    some = max(20, 2 * sessions)
    send(server, sessions, some, size, reuse)
    took = send(server, sessions, some, size, reuse)
    return max(some, min(40000, int(some / took * SECONDS)))


def rates(servers, sessions, size, reuse=True):
    """Messages a second of each server, median of interleaved rounds."""
    counts = [enough(s, sessions, size, reuse) for s in servers]
    seen = [[] for _ in servers]
    for _ in range(ROUNDS):
        for server, count, rate in zip(servers, counts, seen):
            rate.append(count / send(server, sessions, count, size, reuse))
    return [statistics.median(rate) for rate in seen]


# ---- the parts -----------------------------------------------------------------------------------

ROWS = []


def row(what, unit, vsmtp, postfix, aim="", better="more", digits=0):
    """postfix None: not measured. better: which way the ratio reads."""
    ratio = ""
    if postfix and vsmtp:
        ratio = f"{vsmtp / postfix if better == 'more' else postfix / vsmtp:.1f}"
    shown = ["" if v is None else f"{v:.{digits}f}" for v in (vsmtp, postfix)]
    ROWS.append([what, unit, *shown, ratio, aim])
    print(f"{what:58} {unit:6} {shown[0]:>9} {shown[1]:>9} {ratio:>6}  {aim}", flush=True)


def part_rate():
    aims = {1: "ratio 3", 10: "ratio 6", 100: "ratio 9"}
    with Vsmtp() as vsmtp, Postfix() as postfix:
        for size, name in ((5120, "5 KB"), (102400, "100 KB")):
            for sessions in (1, 10, 100):
                row(f"accepted, {name}, {sessions} sessions", "/s",
                    *rates((vsmtp, postfix), sessions, size), aims[sessions] if size == 5120 else "")
        row("accepted, 5 KB, 10 sessions, a connection each", "/s",
            *rates((vsmtp, postfix), 10, 5120, False))


def part_slow_sync():
    with Vsmtp(delay=10000) as vsmtp, Postfix(delay=10000) as postfix:
        for sessions in (1, 10, 100):
            row(f"accepted, 5 KB, {sessions} sessions, a sync takes 10 ms", "/s",
                *rates((vsmtp, postfix), sessions, 5120), "4000" if sessions == 100 else "")


def cost(kind, sessions=10):
    """CPU milliseconds, syncs and KiB written a message."""
    with kind(delay=0) as server:
        count = enough(server, sessions, 5120)
        before = cpu_ms(server.pid), server.syncs(), written(server.pid)
        send(server, sessions, count, 5120)
        time.sleep(2)
        after = cpu_ms(server.pid), server.syncs(), written(server.pid)
        cpu, syncs, octets = ((b - a) / count for a, b in zip(before, after))
        return cpu, syncs, octets / 1024


def part_cost():
    for sessions in (1, 10):
        ours, theirs = cost(Vsmtp, sessions), cost(PostfixLasting, sessions)
        what = f"a message of 5 KB, {sessions} sessions"
        row(f"CPU of {what}", "ms", ours[0], theirs[0], "0.10", "less", 3)
        row(f"syncs for {what}", "", ours[1], theirs[1], "", "less", 2)
        row(f"written for {what}", "KiB", ours[2], theirs[2], "not above", "less", 1)
    with_policy, without = cost(Policy)[0], cost(Vsmtp)[0]
    row("CPU of 20 rules, a message", "us", (with_policy - without) * 1000, None, "50")


def clients(server, count):
    """Connections that said EHLO and wait."""
    opened = []
    for _ in range(count):
        c = socket.create_connection(("127.0.0.1", server.port), 30)
        c.recv(512)
        c.sendall(b"EHLO me.example\r\n")
        c.recv(2048)
        opened.append(c)
    return opened


def idle_memory(kind, count):
    with kind() as server:
        time.sleep(1)
        alone = pss_mb(server.pid)
        opened = clients(server, count)
        time.sleep(1)
        crowded = pss_mb(server.pid)
        for c in opened:
            c.close()
        return alone, crowded


def peak_memory(kind):
    with kind() as server:
        seen, done = [], threading.Event()

        def watch():
            while not done.wait(0.02):
                seen.append(pss_mb(server.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        send(server, 10, 10, 49000000)
        done.set()
        watcher.join()
        return max(seen)


def part_memory():
    ours, theirs = idle_memory(Vsmtp, 1000), idle_memory(PostfixWide, 100)
    row("PSS, idle", "MB", ours[0], theirs[0], "3", "less", 1)
    row("PSS, 1000 idle clients (Postfix: 100)", "MB", ours[1], theirs[1], "11", "less", 1)
    row("peak PSS, ten mails of 50 MB at once", "MB", peak_memory(Vsmtp), peak_memory(Postfix),
        "24", "less", 1)


def handshakes(kind, how):
    """a second, from two clients at once, and milliseconds of CPU each"""
    with kind() as server:
        spent = cpu_ms(server.pid)
        clients_now = [subprocess.Popen(
            ["openssl", "s_time", how, "-time", str(int(SECONDS)), "-connect",
             f"127.0.0.1:{server.direct}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for _ in range(2)]
        done = 0
        for client in clients_now:
            said = client.communicate()[0].decode()
            done += int(re.findall(r"(\d+) connections in (\d+) real seconds", said)[-1][0])
        return done / SECONDS, (cpu_ms(server.pid) - spent) / done


def encrypted_clients(server, count):
    """As `clients`, each after STARTTLS and a second EHLO."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opened = []
    for c in clients(server, count):
        c.sendall(b"STARTTLS\r\n")
        c.recv(512)
        secure = context.wrap_socket(c)
        secure.sendall(b"EHLO me.example\r\n")
        secure.recv(2048)
        opened.append(secure)
    return opened


def part_tls():
    for kind, name in ((Encrypted, "EC 256"), (EncryptedRsa, "RSA 2048")):
        rate, cost_each = handshakes(kind, "-new")
        row(f"TLS handshakes a second, {name}", "1/s", rate, None)
        row(f"CPU of a TLS handshake, {name}", "ms", cost_each, None, "", "less", 2)
    row("CPU of a TLS handshake, resumed", "ms", handshakes(Encrypted, "-reuse")[1], None, "",
        "less", 2)
    with Encrypted() as server:
        time.sleep(1)
        alone = pss_mb(server.pid)
        opened = encrypted_clients(server, 1000)
        time.sleep(1)
        crowded = pss_mb(server.pid)
        for c in opened:
            c.close()
    row("PSS, 1000 idle TLS clients", "MB", crowded, None, "60", "less", 1)
    row("memory of a TLS connection", "KB", (crowded - alone) * 1024 / 1000, None, "45", "less", 1)


def part_start():
    def once(kind):
        server = kind()
        try:
            return server.start()
        finally:
            server.__exit__()

    ours, theirs = (statistics.median(once(kind) for _ in range(9)) for kind in (Vsmtp, Postfix))
    row("banner after start", "ms", ours, theirs, "20", "less", 1)


def part_vm():
    def seconds(command):
        def once():
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            if status:
                raise RuntimeError(f"{command} failed")
            return used.ru_utime + used.ru_stime
        return min(once() for _ in range(7))

    scripts = pathlib.Path(__file__).parent / "vm"
    machines = {"vsl": [PROGRAM, "eval"], "lua": [PEERS / "usr/bin/lua5.4"]}
    for name in ("fib", "strings", "maps", "arrays"):
        ours, theirs = (
            (seconds([*command, scripts / f"{name}.{kind}"])
             - seconds([*command, scripts / f"empty.{kind}"])) * 1000
            for kind, command in machines.items())
        row(f"VM, {name} (second column: Lua 5.4)", "ms", ours, theirs, "ratio 0.5", "less", 1)


FILL = """
PRAGMA synchronous = OFF;
BEGIN IMMEDIATE;
CREATE TEMP TABLE one AS SELECT * FROM message ORDER BY id DESC LIMIT 1;
CREATE TEMP TABLE its_rcpt AS SELECT * FROM rcpt WHERE id = (SELECT id FROM one);
CREATE TEMP TABLE its_body AS SELECT at - (SELECT key FROM one) AS at, octets FROM body
  WHERE at BETWEEN (SELECT key FROM one) AND (SELECT key + chunks FROM one);
UPDATE one SET queue = 'deliver', key = (SELECT max(key) FROM message);
UPDATE its_rcpt SET next_at = 4102444800000, status = 'pending';
CREATE TEMP TABLE number AS WITH RECURSIVE n(i) AS (
  SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n;
{inserts}
COMMIT;
"""


def fill(server, count):
    """Copies a message count times into the queue, as if it had been deferred for ever."""
    def copy(table, source, changes):
        columns = [line.split("|")[1] for line in
                   server.sql(f"PRAGMA table_info({table})").splitlines()]
        values = [changes.get(c, f"{source}.{c}") for c in columns]
        return (f"INSERT INTO {table}({', '.join(columns)}) "
                f"SELECT {', '.join(values)} FROM number, {source};")

    new_id = "printf('%026d', i)"
    inserts = "\n".join([
        copy("message", "one", {"id": new_id, "key": "one.key + i * 1048576"}),
        copy("rcpt", "its_rcpt", {"id": new_id}),
        copy("body", "its_body",
             {"at": "(SELECT key FROM one) + i * 1048576 + its_body.at"})])
    server.sql(FILL.format(count=count, inserts=inserts))


def relayed(server, sessions, count):
    """Messages a second from the first in to the last out."""
    began = time.monotonic()
    send(server, sessions, count, 5120)
    until("the last to leave", lambda: server.waiting() == 0, 120, pause=0.02)
    return count / (time.monotonic() - began)


def part_relay():
    port = free_port()
    sink = subprocess.Popen(
        [str(w) for w in (PEERS / "usr/sbin/smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", 200)], cwd="/tmp",
        env=dict(os.environ, LD_LIBRARY_PATH=LIBRARIES))
    try:
        with Relay(port) as vsmtp, PostfixRelay(port) as postfix:
            for sessions in (1, 10, 100):
                count = {1: 300, 10: 1500, 100: 3000}[sessions]
                seen = [[relayed(s, sessions, count) for s in (vsmtp, postfix)] for _ in range(ROUNDS)]
                row(f"relayed, in by smtp-source and out to smtp-sink, {sessions} sessions", "/s",
                    *(statistics.median(r) for r in zip(*seen)))
    finally:
        sink.kill()
        sink.wait()


def quiet(server):
    before = cpu_ms(server.pid)
    time.sleep(1)
    return cpu_ms(server.pid) - before <= 10


def part_pass():
    """A thousand recipients become due, for a server that is not there, among so many that are not."""
    for count in (1000, 100000, 1000000):
        with Relay(free_port()) as server:
            send(server, 1, 1, 200)
            until("the first to be deferred", lambda: "refused" in server.sql("SELECT last_reply FROM recipient"))
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
            fill(server, count)
            server.sql("UPDATE rcpt SET next_at = next_at + 86400000; "
                       "UPDATE rcpt SET next_at = 1 WHERE id IN (SELECT id FROM rcpt LIMIT 1000)")
            os.sync()
            server.start()
            began = cpu_ms(server.pid)
            due = "SELECT count(*) FROM rcpt WHERE next_at < 1000000"
            until("all to be put off", lambda: int(server.sql(due)) == 0, 60, pause=0.2)
            row(f"CPU of 1000 attempts in vain, {count} recipients deferred", "ms", cpu_ms(server.pid) - began, None)
            until("the first cleaning after a start to end", lambda: quiet(server), 120)
            idle = cpu_ms(server.pid)
            time.sleep(SECONDS)
            row(f"CPU of a second without work, {count} recipients deferred", "ms",
                (cpu_ms(server.pid) - idle) / SECONDS, None, digits=1)


def part_spf():
    with Vsmtp() as without:
        plain = rates((without,), 10, 5120)[0]
    with Spf() as spf:
        checked = rates((spf,), 10, 5120)[0]
    row("accepted, 5 KB, 10 sessions, without check_spf", "/s", plain, None)
    row("the same with check_spf, answers at hand", "/s", checked, None)
    row("CPU of check_spf, a message, answers at hand", "us", (cost(Spf)[0] - cost(Vsmtp)[0]) * 1000, None)


def part_delegate():
    def judged(server):
        return int(server.sql("SELECT count(*) FROM quarantine"))

    with Vsmtp() as plain, Delegated("preq") as scanned:
        without, one = rates((plain, scanned), 1, 5120)
        row("delegated in preq through clamsmtpd, 5 KB, 1 session", "/s", one, None)
        for sessions in (10, 100):
            row(f"the same, {sessions} sessions", "/s", *rates((scanned,), sessions, 5120), None)
        row("the wait that adds for a lone client", "ms", 1000 / one - 1000 / without, None, digits=1)
    with Delegated("postq") as later:
        count = int(one * SECONDS)
        began = time.monotonic()
        send(later, 10, count, 5120)
        until("the last scan", lambda: judged(later) == count, 120, pause=0.05)
        row("delegated in postq, from the first to the last verdict", "/s",
            count / (time.monotonic() - began), None)


def part_queued():
    with Vsmtp() as server:
        empty = rates((server,), 10, 5120)[0]
        send(server, 1, 1, 200)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        fill(server, QUEUED)
        os.sync()
        server.start()
        queued = int(server.sql("SELECT count(*) FROM queue"))
        full = rates((server,), 10, 5120)[0]
        row("accepted, 5 KB, 10 sessions, empty queue", "/s", empty, None)
        row(f"the same with {queued} messages in the queue", "/s", full, None,
            f"{0.8 * empty:.0f} (0.8 of it)")


def part_shell():
    """A person's UPDATE while mail pours in."""
    with Vsmtp() as server:
        send(server, 1, 1, 1000)
        first = server.sql("SELECT id FROM quarantine LIMIT 1").strip()
        load = subprocess.Popen(
            [str(w) for w in (PEERS / "usr/sbin/smtp-source", "-d", "-s", 100, "-m", 1000000, "-l",
                              5120, "-t", "alice@home.example", f"inet:127.0.0.1:{server.port}")],
            env=dict(os.environ, LD_LIBRARY_PATH=LIBRARIES), stderr=subprocess.DEVNULL)
        time.sleep(1)
        waits = []
        end = time.monotonic() + 10 * SECONDS
        while time.monotonic() < end:
            began = time.monotonic()
            server.sql(f"UPDATE quarantine SET queue = 'other{len(waits)}' WHERE id = '{first}'")
            waits.append((time.monotonic() - began) * 1000)
            time.sleep(0.1)
        load.kill()
        load.wait()
        row(f"a shell's UPDATE under load, median of {len(waits)}", "ms", statistics.median(waits),
            None, "1000")
        row("a shell's UPDATE under load, worst", "ms", max(waits), None, "10000")


def report():
    names = [line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if "model name" in line]
    cpu = names[0] if names and names[0] else "processor"
    heads = ["what", "unit", "vsmtp", "Postfix", "ratio", "aim"]
    lines = [
        "# Measured by `make bench`", "",
        f"{os.cpu_count()} x {cpu}, Linux {os.uname().release}, "
        f"{time.strftime('%Y-%m-%d')}. Medians of {ROUNDS} interleaved rounds; smtp-source on the "
        "same machine, connections reused unless said otherwise. A ratio over 1 is good for vsmtp.",
        "", "| " + " | ".join(heads) + " |", "|---|---|--:|--:|--:|---|"]
    lines += ["| " + " | ".join(cells) + " |" for cells in ROWS]
    (TOP / "bench.md").write_text("\n".join(lines) + "\n")


def main():
    if os.geteuid() != 0:
        sys.exit("bench: Postfix must be started as root; run `sudo make bench`")
    FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", SHIM,
                    TOP / "tests/bench/syncs.c", "-ldl"], check=True)
    print(f"{'':58} {'':6} {'vsmtp':>9} {'Postfix':>9} {'ratio':>6}  aim")
    for name, part in list(globals().items()):
        if name.startswith("part_") and PART in name:
            part()
    report()


if __name__ == "__main__":
    main()
