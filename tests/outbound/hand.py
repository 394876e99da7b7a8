"""tests/outbound/hand.py: what people do to the queue by hand; tests of outbound.py."""

import signal

from ways import Clock, tries
from world import ONE, World, expect, until


def test_hand_made_attempts_do_not_count():
    """SIGUSR1 and `queue retry` make no pause longer, for nobody, and take nobody's place in the line"""
    with Clock() as clock, World(ONE, env=clock.env, period="10m") as w:
        w.send("joe@x.example")
        w.send("ann@x.example")
        ids = [i for i, in w.server.sql("SELECT id FROM queue")]
        until("both to wait", lambda: [tries(w, f"{n}@x.example")[0] for n in ("joe", "ann")] in ([1, 0], [1, 1]))
        by_hand = {"USR1": lambda: w.server.process.send_signal(signal.SIGUSR1),
                   "--all": lambda: w.server.verb("queue", "retry", "--all"),
                   "ID": lambda: w.server.verb("queue", "retry", *ids)}
        for n in range(2):
            for name, press in by_hand.items():
                failed = w.log().count("lane=x.example failed=")
                clock.pause(30)
                press()
                until("an attempt", lambda: w.log().count("lane=x.example failed=") > failed)
                until("to wait", lambda: all(tries(w, f"{n}@x.example")[2] > clock.now() * 1000 for n in ("joe", "ann")))
                for who in ("joe", "ann"):
                    attempts, _, due = tries(w, f"{who}@x.example")
                    pause = due / 1000 - clock.now()
                    expect(attempts > 0 and 590 < pause < 780, f"{name}: {attempts} attempts, {pause:.0f} s")
        clock.pause(800)
        until("an attempt of its own", lambda: "failed=2" in w.log())
        expect(w.log().count("failed=2") == 1, "counted twice")
        clock.pause(20)
        w.server.sql("UPDATE rcpt SET next_at = 1000 WHERE address LIKE 'joe%'")  # due since long
        w.server.process.send_signal(signal.SIGSTOP)
        w.server.verb("queue", "retry", *ids)
        expect(tries(w, "joe@x.example")[2] == 1000, "lost its place")
        w.server.process.send_signal(signal.SIGCONT)
