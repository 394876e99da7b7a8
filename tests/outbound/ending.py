"""tests/outbound/ending.py: the server stops while mails are on their way; tests of outbound.py."""

import fcntl
import signal
import socket
import threading
import time

from peer import Peer
from world import ONE, World, expect, until


def held(reply="250 taken"):
    """What a peer says to the last dot once it may, and the events: it was asked, it may."""
    asked, may = threading.Event(), threading.Event()

    def dot(peer, line):
        asked.set()
        may.wait(30)
        return reply
    return dot, asked, may


def term(world):
    world.server.process.send_signal(signal.SIGTERM)
    return time.monotonic()


def ended(world):
    expect(world.server.process.wait(60) == 0, f"it ended with {world.server.process.returncode}")
    return time.monotonic()


def test_stop_hears_the_answer():
    """What was sent to its last dot is recorded, not sent again; what was not goes on later."""
    dot, asked, may = held()
    with World(ONE) as w:
        peer, silent = w.peer("127.0.1.1", dot=dot), w.peer("127.0.1.2", greeting=lambda _: may.wait(30) and "220 hi")
        w.send("joe@x.example", "ann@x.example", "sue@y.example")
        expect(asked.wait(60), "no mail came")
        until("a connection to y.example", lambda: silent.connections)
        began = term(w)
        threading.Timer(1, may.set).start()
        took = ended(w) - began
        expect(took > 0.5, f"stopping took {took:.1f} s")
        expect(sorted(r[:2] for r in w.recipients()) ==
               [("ann@x.example", "done"), ("joe@x.example", "done"), ("sue@y.example", "pending")], w.recipients())
        expect(w.server.sql("SELECT attempts FROM recipient WHERE address LIKE 'sue%'") == [(0,)], "counted as tried")
        w.server.start()
        w.arrived(silent)
        w.empty()
        expect(len(peer.mails) == 1, "the same mail came twice")


def test_stop_has_patience():
    """5 s, unless it is told again."""
    for again in (False, True):
        dot, asked, may = held()
        with World(ONE) as w:
            peer = w.peer("127.0.1.1", dot=dot)
            w.send("joe@x.example")
            expect(asked.wait(60), "no mail came")
            began = term(w)
            if again:
                until("it stops", lambda: "stopping sessions=0 deliveries=1" in w.log())
                term(w)
            took = ended(w) - began
            expect(took < 4.5 if again else took > 4.5, f"stopping took {took:.1f} s")
            expect(w.recipients() == [("joe@x.example", "pending", "")], w.recipients())
            may.set()
            w.server.start()
            w.empty()
            expect(len(peer.mails) == 2, "at least once")


class Slow(Peer):
    """Does not read a text before it may."""

    asked, may = threading.Event(), threading.Event()

    def text(self, stream, *what):
        stream.recv(1, socket.MSG_PEEK)
        self.asked.set()
        self.may.wait(30)
        super().text(stream, *what)


def test_stop_in_the_text():
    """A mail of which the server has a part is sent to its end."""
    with World(ONE) as w:
        peer = Slow("127.0.1.1", w.port)
        w.peers.append(peer)
        w.send("joe@x.example", text="Subject: x\r\n\r\n" + ("x" * 70 + "\r\n") * 50000)
        expect(peer.asked.wait(60), "no text came")
        term(w)
        threading.Timer(0.5, peer.may.set).start()
        ended(w)
        expect(not w.recipients(), w.recipients())
        expect(len(peer.mails) == 1 and len(peer.mails[0][2]) > 3500000, "not whole")


def test_stop_waits_for_a_mailbox():
    """A mailbox that is locked: who waits for it gets the mail once."""
    with World(ONE, rules={"main.vsl": '#{ rcpt: [ action "mbox" || { mbox(rcpt()); }, rule "all" || accept() ] }'}) as w:
        w.send("alice@home.example", text="Subject: first\r\n\r\nx\r\n")
        w.empty()
        box = w.server.mailbox("alice") / "mbox"
        with open(box, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            w.send("alice@home.example", "bob@home.example", text="Subject: second\r\n\r\nx\r\n")
            time.sleep(0.5)
            term(w)
            time.sleep(0.5)
            fcntl.lockf(file, fcntl.LOCK_UN)
        ended(w)
        expect(box.read_bytes().count(b"Subject: second") == 1, box.read_bytes())
        w.server.start()
        w.empty()
        expect(box.read_bytes().count(b"Subject: second") == 1, box.read_bytes())
        expect((w.server.mailbox("bob") / "mbox").read_bytes().count(b"Subject: second") == 1, "bob")
