/* net/io_int.h: a buffered connection as its four files see it.
 *
 * io.c lives through it; io_open.c makes it, io_line.c takes lines from what was read, io_tls.c
 * encrypts it.
 */
#ifndef NET_IO_INT_H
#define NET_IO_INT_H

#include "loop.h"
#include "tls_int.h"

/* ORDER IO_LIFE: io_life_names in io.c. */
enum io_life {
  IO_LIFE_CONNECTING,
  IO_LIFE_OPEN,
  IO_LIFE_DEAD,    /* failed; the owner has not closed it yet */
  IO_LIFE_CLOSING, /* the owner has: sending what is left */
  IO_LIFE_LINGER,
  IO_LIFE_GONE /* closed at the end of this turn */
};

enum { /* news for the soon task, in the order they are told */
       IO_NEWS_ERROR = 1,
       IO_NEWS_DATA = 2, /* and the end, if it is known */
       IO_NEWS_DRAINED = 4,
       IO_NEWS_READ = 8 /* the encryption holds more */
};

/* A handshake under way: what it waits for. */
enum io_shake {
  IO_SHAKE_NONE,  /* there is none: clear text, or it is over */
  IO_SHAKE_READ,  /* the peer */
  IO_SHAKE_WRITE, /* room in the kernel's buffer */
  IO_SHAKE_TURN   /* its time, its turn */
};

struct io_tls {
  struct tls *tls;
  bool counted;         /* against the allowance of its address */
  struct tls_wait turn; /* in line */
  struct timer delay;   /* before that */
};

struct io {
  struct loop *loop;
  io_fn *fn;
  void *arg;
  struct watch watch;
  int fd;        /* -1: fed from memory */
  uint8_t life;  /* enum io_life */
  uint8_t news;  /* IO_NEWS_… */
  uint8_t shake; /* enum io_shake */
  bool paused;
  bool stirred; /* it was, and bytes or the end came */
  bool eof;     /* the peer sends no more: read, or fed */
  bool eof_told;
  bool hup_told;    /* IO_HANGUP was told */
  bool off;         /* the watch is cleared: it could only repeat itself */
  bool discarding;  /* the rest of a bad line */
  bool rate_paused; /* reading was paused in this period of the rate */
  bool draining;    /* io_drain waits */
  int errnum;       /* of the failure; 0: why alone */
  const char *why;  /* literal */
  struct buf in;    /* what is left of the input between two callbacks */
  str view;         /* unused input: within in, or in the loop's memory during a callback */
  size_t seen;      /* bytes of view known to hold no LF */
  struct buf out;
  size_t out_at; /* bytes of out already sent */
  size_t drain_at;
  uint64_t received;
  uint64_t rate_from; /* received when the period, or the lingering, began */
  size_t rate_bytes;
  int64_t rate_ms;
  struct timer deadline, rate;
  struct task soon, late;
  struct io_tls *tls; /* NULL: clear text */
};

/* ---- io.c ------------------------------------------------------------------------------------ */
/* Takes fd (-1: none), which is non-blocking already. */
struct io *io_make(struct loop *l, int fd, enum io_life life, io_fn *fn, void *arg, struct err *e);
bool io_is_usable(const struct io *io); /* neither lost nor closed by its owner */
void io_news(struct io *io, unsigned news);
void io_tell(struct io *io, enum io_event event);
/* The connection is lost, by an errno or (0) for why, a text that lives as long: the owner hears it
 * in a moment and closes. */
void io_fail(struct io *io, int errnum, const char *why);
void io_flush(struct io *io); /* hands the kernel what it takes */
void io_sent(struct io *io);  /* some output went: somebody may wait for that */
/* What is unused of the input, and nothing else, until there is more. */
void io_wait_more(struct io *io);

/* ---- io_tls.c -------------------------------------------------------------------------------- */
/* The descriptor is ready, or has failed, while there is a handshake. */
void io_tls_ready(struct io *io);
void io_tls_free(struct io *io);

#endif
