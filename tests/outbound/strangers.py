"""tests/outbound/strangers.py: what is told to people we do not know; tests of outbound.py."""

import smtplib

from world import World, until

SPF = '''#{ mail: [ rule "spf" || { check_spf("mail_from", "none", "soft") } ], rcpt: [ rule "all" || accept() ] }'''


def send(w, sender, to, subject):
    with smtplib.SMTP("127.0.0.1", w.server.port, "me.example", 30, source_address=("127.0.0.9", 0)) as c:
        c.sendmail(sender, to, f"Subject: {subject}\r\n\r\nx\r\n", rcpt_options=["NOTIFY=SUCCESS,FAILURE"])


def test_success_is_told_to_proved_senders():
    """whom SPF proves to be the sender, and nobody else"""
    zone = {f"{d}.example": [("A", "127.0.1.1"), ("TXT", f'"v=spf1 {spf}"')]
            for d, spf in (("good", "ip4:127.0.0.9 -all"), ("any", "?all"), ("next", "-all"))}
    with World(zone, rules={"main.vsl": SPF}) as w:
        peer = w.peer("127.0.1.1", ehlo=["DSN"])
        send(w, "joe@any.example", ["alice@home.example"], "one")
        send(w, "joe@good.example", ["alice@home.example"], "two")
        w.arrived(peer)
        assert b"Action: delivered" in peer.mails[0][2] and "joe@good.example" in peer.mails[0][1][0], peer.mails
        w.empty()
        send(w, "joe@any.example", ["ann@next.example"], "three")
        send(w, "joe@good.example", ["ann@next.example"], "four")
        w.arrived(peer, 3)
        asked = {m[2].split(b"Subject: ")[1][:4]: m[1][0].split(" ", 2)[2] for m in peer.mails[1:]}
        assert asked == {b"thre": "NOTIFY=FAILURE", b"four": "NOTIFY=SUCCESS,FAILURE"}, asked
        until("both mails", lambda: len(w.server.mails()) == 2)
