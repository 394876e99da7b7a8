"""tests/delegate/stopping.py: the server stops while filters are at work; tests of delegate.py."""

import signal
import threading
import time

from filters import World, marked
from kit import expect, until


def stop_with(world, gate, waiting=1):
    """SIGTERM while mails are at the filter, which goes on a second later."""
    until("the filter", lambda: len(world.filter.seen) == waiting)
    world.server.process.send_signal(signal.SIGTERM)
    time.sleep(1)
    expect(world.server.process.poll() is None, "it did not wait for the filter")
    gate.set()
    began = time.monotonic()
    expect(world.server.process.wait(60) == 0, "it did not stop in good order")
    expect(time.monotonic() - began < 4, "it waited for nobody")


def holding(reuse):
    """A filter that holds mails until the gate is open; reuse: over a connection it has already."""
    gate = threading.Event()

    def act(f, text):
        if b"Subject: before" not in text:
            gate.wait(20)
        return f.give_back(marked(text), reuse=reuse)
    return gate, act


def test_stored_stop_waits(program):
    """what the filter gives back in time is judged, and not handed over again"""
    for reuse in (False, True):
        gate, act = holding(reuse)
        with World(program, act, stage="postq") as w:
            if reuse:
                expect(w.send("Subject: before\n\nx\n") == (250, ""), "not accepted")
                w.server.mails(count=1)
            expect(w.send("Subject: held\n\nx\n") == (250, ""), "not accepted")
            stop_with(w, gate, 1 + reuse)
            expect(w.server.sql("SELECT queue FROM queue") == [("deliver",)], w.server.sql("SELECT * FROM queue"))
            w.server.start()
            w.server.mails(count=1 + reuse)
            w.gone()
            expect(len(w.filter.seen) == 1 + reuse, "handed over twice")


def test_client_stop_waits(program):
    """a client that waits for the filter's verdict has its answer before the server ends"""
    for reuse in (False, True):
        gate, act = holding(reuse)
        with World(program, act) as w:
            if reuse:
                expect(w.send("Subject: before\n\nx\n") == (250, ""), "not accepted")
                w.server.mails(count=1)
            said = []
            client = threading.Thread(target=lambda: said.append(w.send("Subject: held\n\nx\n")))
            client.start()
            stop_with(w, gate, 1 + reuse)
            client.join()
            expect(said == [(250, "")], said)
            w.server.start()
            w.server.mails(count=1 + reuse)
