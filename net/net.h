/* net/net.h: the door of net/: the event loop, buffered connections, TLS, listeners, addresses.
 * Knows nothing of SMTP.
 *
 * One thread. Every callback named here is called by the loop itself, never from inside a function
 * of this page: what you call returns first. So a callback may call anything here, also io_close
 * on its own connection, and its structures stay valid until it has returned.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "../vsmtp.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- netaddr.c: socket addresses ------------------------------------------------------------- */

struct netaddr {
  socklen_t len; /* 0: no address */
  union {
    struct sockaddr sa;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
  };
};

/* "192.0.2.1:25", "[2001:db8::1]:25", "[fe80::1%eth0]:25", "unix:/path". A missing port gives
 * default_port; when that is negative the port must be there. Names are not looked up. */
int netaddr_parse(str text, int default_port, struct netaddr *out, struct err *e);
/* An IP alone, "192.0.2.1" or "2001:db8::1", with a port beside it. */
int netaddr_of_ip(str ip, uint16_t port, struct netaddr *out); /* -1: no IP address */
int netaddr_of_sa(const struct sockaddr *sa, socklen_t len, struct netaddr *out); /* -1: strange */
#define NETADDR_TEXT_MAX 128
const char *netaddr_text(const struct netaddr *a, char out[NETADDR_TEXT_MAX]); /* as parsed */
const char *netaddr_ip(const struct netaddr *a, char out[NETADDR_TEXT_MAX]);   /* without port */
uint16_t netaddr_port(const struct netaddr *a);                                /* 0 if none */
bool netaddr_same_ip(const struct netaddr *a, const struct netaddr *b);        /* not the port */
/* As netaddr_same_ip, but IPv6 by /64, which is what one customer has. */
bool netaddr_same_network(const struct netaddr *a, const struct netaddr *b);
bool netaddr_is_loopback(const struct netaddr *a); /* 127.0.0.0/8, ::1 */
bool netaddr_eq(const struct netaddr *a, const struct netaddr *b);
/* The two ends of a connected socket. An IPv4 peer seen through IPv6 comes out as IPv4. */
int netaddr_local(int fd, struct netaddr *out);
int netaddr_peer(int fd, struct netaddr *out);

/* ---- loop.c: one turn after another -------------------------------------------------------------
 * A turn is: poll, I/O, ready tasks, timers, then what was put off to the end of the turn (flushes,
 * closings). Timers are held against the clock as it was before the poll, so what arrived in time
 * is heard before its deadline strikes.
 *
 * Loop time is milliseconds and stands still while a callback holds the loop up for over 50 ms (a
 * commit on a slow card, a handshake): all deadlines move by themselves. Stalls over 100 ms are
 * logged with their cause. */

struct loop;
struct loop *loop_new(struct err *e);
void loop_free(struct loop *l);              /* connections, listeners, watches must be gone:
                                                abort them and run one last loop_turn */
int loop_run(struct loop *l, struct err *e); /* turns until loop_stop */
int loop_turn(struct loop *l, int64_t max_wait_ms, struct err *e); /* one turn (tests, shutdown) */
void loop_stop(struct loop *l);         /* loop_run returns after this turn */
int64_t loop_now(const struct loop *l); /* loop time: deadlines are loop_now + n */
/* Names what the running callback is about to do, for the log of stalls. A literal. */
void loop_cause(struct loop *l, const char *cause);

/* The shared commit. Called at the end of every turn with idle false; it answers how long the loop
 * may sleep at most in ms, -1 for no limit, or 0 for "there is work when you are idle": then, as
 * soon as the loop would sleep, it is called with idle true (and answers -1 or a limit > 0; 0 is
 * taken for "do not sleep"). It may do anything a callback may. */
typedef int64_t loop_hook_fn(void *arg, bool idle);
void loop_hook(struct loop *l, loop_hook_fn *fn, void *arg);

/* ---- timer.c: a heap of timers ------------------------------------------------------------------
 * They live in their owner's struct, zeroed before first use, and never fail. Setting an earlier
 * time or clearing is O(log n) amortised, a later time O(1). Fires once; a time already past fires
 * in the next turn. */
struct timer {
  void (*fire)(struct timer *t, void *arg);
  void *arg;
  int64_t at;  /* loop time */
  int64_t key; /* the rest is timer.c's own */
  struct timer *child, *next, **link;
};
void timer_set(struct loop *l, struct timer *t, int64_t at);
void timer_clear(struct loop *l, struct timer *t); /* fine when not set */
bool timer_is_set(const struct timer *t);

/* Tasks live in their owner's struct, zeroed before first use. A ready task runs once, in this turn
 * if the tasks have not begun, else in the next; making it ready twice is once. */
struct task {
  void (*run)(struct task *t, void *arg);
  void *arg;
  struct list_link link; /* loop.c's own */
};
void loop_ready(struct loop *l, struct task *t);
void loop_late(struct loop *l, struct task *t); /* at the end of this turn, before any sleep */
void loop_unready(struct task *t);              /* fine when not ready */

/* ---- watch.c: descriptors -----------------------------------------------------------------------
 * Watches live in their owner's struct. Level-triggered. LOOP_GONE (error or hang-up) is reported
 * whether wanted or not, together with the others: read or write to learn more. */
enum {
  LOOP_READ = 1,
  LOOP_WRITE = 2,
  LOOP_HALF = 4, /* the peer has shut down its sending side */
  LOOP_GONE = 8
};
struct watch {
  void (*ready)(struct watch *w, unsigned what, void *arg);
  void *arg;
  int fd;
  unsigned want;
  size_t slot; /* watch.c's own; 0: not watched */
};
int watch_set(struct loop *l, struct watch *w, int fd, unsigned want,
              struct err *e);                      /* or change */
void watch_clear(struct loop *l, struct watch *w); /* before fd is closed; fine when not set */

/* Calls fn from the loop after the signal came (several may count as one). For the whole process:
 * one loop at a time may have signals. */
int loop_signal(struct loop *l, int signo, void (*fn)(int signo, void *arg), void *arg,
                struct err *e);

/* ---- io.c: buffered connections -----------------------------------------------------------------
 * Owns its descriptor. Reads into memory shared by all connections and keeps only what the callback
 * left unused, at most LIMIT_IO_INPUT; an idle connection holds no buffer at all. Writes are
 * gathered and sent once, when the callback is over. */

enum io_event {
  IO_CONNECTED, /* an io_connect succeeded, or a TLS handshake */
  IO_DATA,      /* io_input has bytes not seen before, or reading was resumed with bytes left */
  IO_EOF,     /* the peer sends no more and all its bytes were used or seen; it may still listen */
  IO_HANGUP,  /* an early notice while reading is paused: the peer closed its side. What it sent
                 before is still there and IO_EOF still comes in its order */
  IO_DRAINED, /* what io_drain asked for */
  IO_TIMEOUT, /* the deadline passed; it is cleared */
  IO_SLOW,    /* less than io_min_rate came in a period */
  IO_ERROR,   /* the connection is dead, io_why says why; close it */
  IO_CLOSED   /* the last event, always, after io_close or io_abort; then the io is freed */
};
struct io;
typedef void io_fn(struct io *io, enum io_event event, void *arg);

/* Takes fd, also on failure (then it is closed): makes it non-blocking, TCP_NODELAY. */
struct io *io_new(struct loop *l, int fd, io_fn *fn, void *arg, struct err *e);
/* Connects; tells by IO_CONNECTED, IO_ERROR or IO_TIMEOUT (deadline in loop time, 0 none). from
 * (an address of ours, or NULL) is borrowed like to. */
struct io *io_connect(struct loop *l, const struct netaddr *to, const struct netaddr *from,
                      int64_t deadline, io_fn *fn, void *arg, struct err *e);
/* Without a descriptor: fed by io_feed, its output taken by io_taken (tests, fuzzers). */
struct io *io_memory(struct loop *l, io_fn *fn, void *arg, struct err *e);
size_t io_feed(struct io *io, str s); /* bytes taken; fewer when the input is full */
void io_feed_eof(struct io *io);
void io_taken(struct io *io, struct buf *out); /* moves the output written so far to out */

/* Sends what is written, shuts down, waits a moment for the peer's end (so that the last reply is
 * not lost in a reset) and closes. No event but IO_CLOSED follows. */
void io_close(struct io *io);
void io_abort(struct io *io); /* the same without sending or waiting */
bool io_is_closing(const struct io *io);
int io_fd(const struct io *io);          /* -1 if none */
const char *io_why(const struct io *io); /* after IO_ERROR; never NULL */

/* Input. Slices borrow and are valid until the callback returns or the next input call. */
str io_input(const struct io *io);        /* what was read and is not used */
void io_consume(struct io *io, size_t n); /* at most io_input().n */
enum io_line {
  IO_LINE_NONE, /* no whole line there */
  IO_LINE_OK,   /* without its CRLF; may hold NUL or any other byte but CR, LF */
  IO_LINE_BARE, /* a CR or LF stands alone in it; *line ends at the first bare LF */
  IO_LINE_LONG  /* over limit octets, CRLF included; *line is empty */
};
/* Uses the line up. Only CRLF ends one: of a bad line, told once and at once, the rest up to the
 * next CRLF is discarded as it comes. */
enum io_line io_line(struct io *io, size_t limit, str *line);
void io_discard(struct io *io); /* forgets all input at hand (before TLS: RFC 3207 §6) */
void io_pause(struct io *io);   /* no IO_DATA, IO_EOF; nothing is read; see IO_HANGUP */
void io_resume(struct io *io);  /* IO_DATA comes soon if bytes are left */
/* Acknowledges what came without the kernel's delay, once: for a peer that writes a reply or a mail
 * in small pieces and, by Nagle's algorithm, waits for each. Worth it on each IO_DATA. */
void io_hurry(struct io *io);

/* Output. Copied. Over LIMIT_IO_OUTPUT, or without memory: IO_ERROR follows. While over half of
 * that is pending nothing is read. */
void io_write(struct io *io, str s);
void io_printf(struct io *io, const char *fmt, ...) BASE_PRINTF(2, 3);
size_t io_pending(const struct io *io);       /* bytes not yet handed to the kernel */
void io_drain(struct io *io, size_t at_most); /* one IO_DRAINED once so few are pending */

/* Time. One deadline (loop time; 0 clears) and one rate: at least bytes in each period of per_ms in
 * which reading was not paused (0 clears). */
void io_deadline(struct io *io, int64_t at);
void io_min_rate(struct io *io, size_t bytes, int64_t per_ms);

/* ---- tls.c, tls_stream.c, tls_gate.c: encryption (RFC 8446, RFC 5246, RFC 6066) -----------------
 * A connection speaks clear text until io_tls_server or io_tls_client; from then on everything of
 * io.c is meant of the text inside. TLS 1.2 and, where the library has it, 1.3; nothing older, no
 * renegotiation, no compression. What all connections share is a configuration, counted by
 * reference: each encrypted connection holds the one it began with, so a new one can take its place
 * at any time. */

enum { TLS_12 = 1, TLS_13 = 2 }; /* bits of versions */
unsigned tls_versions(void);     /* those the library can */
const char *tls_library_version(void);

/* A certificate and its key: PEM texts, whole files, borrowed. The chain begins with our own
 * one. */
struct tls_pair {
  str name; /* host name clients ask for (SNI), lower case; of the first pair: any other */
  unsigned versions;
  str certificate; /* its names count as well: a client may ask for any of them */
  str key;         /* PKCS#1, PKCS#8 or SEC1, not encrypted */
};
struct tls_server_options {
  const struct tls_pair *pairs; /* the first is for whoever asks for no name we know */
  size_t pair_count;            /* at least 1 */
  const str *suites;            /* in order of preference, names as in tls.c */
  size_t suite_count;
  bool our_order; /* ours goes before the client's (mbedTLS 2.28: always) */
};
struct tls_server;
/* NULL with e. *which tells the pair at fault, and *key whether its key is (both may be NULL). */
struct tls_server *tls_server_new(const struct tls_server_options *o, size_t *which, bool *key,
                                  struct err *e);
struct tls_server *tls_server_hold(struct tls_server *t); /* one more reference; returns t */
void tls_server_release(struct tls_server *t);            /* NULL is fine */

/* What the certificate of a pair says; valid as long as the configuration. */
struct tls_certificate {
  const str *names; /* subjectAltName's host names, or else the common name */
  size_t name_count;
  int64_t from, until; /* seconds since 1970 UTC */
  const char *key;     /* "RSA", "EC" */
  unsigned bits;
  const char *fault; /* of the chain: why others may not trust it; NULL: none is seen */
};
size_t tls_server_pairs(const struct tls_server *t);
const struct tls_certificate *tls_server_certificate(const struct tls_server *t, size_t pair);

/* For the side that connects. authorities is the path of a PEM bundle ("": that of the system),
 * read when somebody's certificate is to be verified for the first time. NULL: no memory. */
struct tls_client;
struct tls_client *tls_client_new(str authorities);
struct tls_client *tls_client_hold(struct tls_client *t);
void tls_client_release(struct tls_client *t); /* NULL is fine */

/* Encrypts an open connection. What was written goes out in clear before, input at hand is
 * forgotten (RFC 3207 §6), what is written from now on waits for the handshake. IO_CONNECTED says
 * that it is over, IO_ERROR that it failed; its only clock is io_deadline. The configuration is
 * held. One handshake is computed in a turn of the loop, and those of one address (but loopback)
 * wait so that there are at most 5 a second. */
void io_tls_server(struct io *io, struct tls_server *config);
/* name is the peer's host name (or IP address), copied: asked for by SNI (if no address) and, with
 * verify, what its certificate must be for, signed by an authority: else the handshake fails.
 * Without verify any certificate will do and the authorities are not read. */
void io_tls_client(struct io *io, struct tls_client *config, str name, bool verify);

struct tls_info {
  const char *version; /* "TLSv1.2", "TLSv1.3" */
  const char *cipher;  /* the name IANA gives it: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 */
  str name; /* as server: whom the client asked for, lower case, if a pair is for it; else empty */
  bool verified; /* as client: the peer was verified */
};
/* After the handshake, until IO_CLOSED; NULL: clear text. Texts live as long. */
const struct tls_info *io_tls_info(const struct io *io);

/* ---- listen.c -----------------------------------------------------------------------------------
 * Accepts in batches. When descriptors or memory run out it rests a moment; clients wait in the
 * kernel's queue. */

struct listener;
/* fd is non-blocking and close-on-exec; the callback takes it. */
typedef void listen_fn(struct listener *l, int fd, const struct netaddr *peer, void *arg);
/* Port 0 takes any free one. An IPv6 address does not listen for IPv4. */
struct listener *listen_new(struct loop *l, const struct netaddr *at, listen_fn *fn, void *arg,
                            struct err *e);
/* Takes fd, also on failure: a socket that listens and is non-blocking and close-on-exec
 * already. */
struct listener *listen_adopt(struct loop *l, int fd, listen_fn *fn, void *arg, struct err *e);
void listen_free(struct listener *l);                        /* also in its own callback */
const struct netaddr *listen_addr(const struct listener *l); /* with the port it really has */
void listen_pause(struct listener *l);
void listen_resume(struct listener *l);

/* ---- dns.c, dns_answer.c: questions to name servers (RFC 1035) ----------------------------------
 * Answers come through a callback from the loop, never inside dns_ask, also those at hand. CNAMEs
 * are followed. Answers, also the negative ones, are kept as long as their TTL says (RFC 2308), at
 * most the configured number of them; at most LIMIT_DNS_FLYING questions are under way, others
 * queue. */

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28 };
/* ORDER DNS_STATUS: dns_status_name in dns.c. */
enum dns_status {
  DNS_OK,       /* there are records */
  DNS_NODATA,   /* the name exists, nothing of that type */
  DNS_NXDOMAIN, /* the name does not exist, or can be none */
  DNS_TEMP      /* no answer that counts: try later */
};
struct dns_record {
  str name;            /* MX, PTR: a host name without final dot, in presentation form */
  uint16_t preference; /* MX */
  str text;            /* TXT: all strings of the record joined, any octets */
  uint8_t ip[16];      /* A (4), AAAA (16), network order */
};
struct dns_answer {
  enum dns_status status;
  enum dns_type type;
  const struct dns_record *records; /* in the order they came */
  size_t n;
  int64_t ttl; /* seconds */
};

struct dns_options {
  const struct netaddr *servers; /* none: those of the system (resolv.conf) */
  size_t server_count;
  bool tcp;
  int64_t timeout; /* milliseconds for the first try, doubled for each further one; 0: as the */
  int attempts;    /* system says, also for the attempts */
  bool rotate;
  size_t cache_size; /* answers kept */
};
struct dns;
struct dns *dns_new(struct loop *l, const struct dns_options *o, struct err *e);
void dns_free(struct dns *d); /* questions under way are forgotten */

struct dns_query;
/* The answer is borrowed during the callback. */
typedef void dns_fn(void *arg, const struct dns_answer *answer);
/* Asks for the name in presentation form (a dot or "\" of a label escaped; with or without final
 * dot; one that can be no name is DNS_NXDOMAIN unasked). NULL: no memory. The query ends with its
 * callback. */
struct dns_query *dns_ask(struct dns *d, str name, enum dns_type type, dns_fn *fn, void *arg);
/* What the cache has, or NULL: it must be asked for. Valid until the next call of the loop or of
 * dns. */
const struct dns_answer *dns_known(struct dns *d, str name, enum dns_type type);
void dns_cancel(struct dns_query *q); /* fn will not be called; NULL is fine */
/* The name under which PTR records of an IP are kept, "1.2.0.192.in-addr.arpa"; -1: no IP. */
#define DNS_REVERSE_MAX 80
int dns_reverse(str ip, char out[DNS_REVERSE_MAX]);
const char *dns_status_name(enum dns_status s);
const char *dns_library_version(void);

#endif
