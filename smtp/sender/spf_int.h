/* smtp/sender/spf_int.h: what spf.c, which evaluates, and spf_library.c, which judges single terms,
 * share. */
#ifndef SENDER_SPF_INT_H
#define SENDER_SPF_INT_H

#include "sender.h"
#include "spf_macro.h"
#include "spf_record.h"

#define SPF_FRAMES (LIMIT_SPF_TERMS + 1) /* each include counts as a term */

/* ORDER SPF_WORD: spf_words in spf.c. */
enum spf_word {
  SPF_WORD_NONE,
  SPF_WORD_NEUTRAL,
  SPF_WORD_PASS,
  SPF_WORD_FAIL,
  SPF_WORD_SOFTFAIL,
  SPF_WORD_TEMPERROR,
  SPF_WORD_PERMERROR
};

struct spf_library;

/* An answer, kept until its term is finished. */
struct spf_known {
  struct spf_known *next;
  str name;
  enum dns_type type;
  enum dns_status status;
  const struct dns_record *records;
  size_t n;
};

/* One domain whose record is evaluated. */
struct spf_frame {
  str domain;
  struct spf_record record;
  bool redirected; /* it was reached by a redirect */
  bool loaded;     /* the record is there */
  bool busy;       /* with `term` */
  struct spf_term term;
  struct arena_mark mark; /* what is above belongs to the term */
};

struct spf {
  struct loop *loop;
  struct dns *dns;
  spf_fn *done;
  void *arg;
  struct arena *arena; /* stack-wise: frames, and what the innermost term needs */
  struct spf_macro_facts facts;
  struct spf_frame frames[SPF_FRAMES];
  size_t depth;
  unsigned terms, voids; /* LIMIT_SPF_TERMS, LIMIT_SPF_VOID: of the whole evaluation */
  struct spf_known *known;
  str asked;               /* the name of the newest question */
  struct dns_query *query; /* under way: the step waits */
  bool failed;             /* no memory */
  bool explaining;         /* the word is fail; what remains is to fetch the explanation */
  enum spf_word word;
  str mechanism, explanation;
  char problem[256];
  struct timer limit;
  struct task task;
  /* the term at hand, as libspf2 is told it */
  struct spf_library *library;
  str name;                      /* what the token stands for */
  bool any;                      /* its prefix length is 0: every address is the client's */
  const struct spf_known *hosts; /* what "h0.t.t" … stand for */
  bool missing;                  /* an answer was not there: what the library says counts nothing */
};

/* ---- spf.c ----------------------------------------------------------------------------------- */

extern const struct spf_known spf_no_such_name;
/* What is known of a name in presentation form, or NULL: then it is being asked for. */
const struct spf_known *spf_lookup(struct spf *s, str name, enum dns_type type);
const struct spf_known *spf_lookup_reverse(struct spf *s); /* the names of the client */
bool spf_name_within(str name, str domain);                /* is it below the domain? */

/* ---- spf_library.c --------------------------------------------------------------------------- */

int spf_library_open(struct spf *s); /* -1: no memory */
void spf_library_close(struct spf *s);
/* An a, mx, ptr, exists, ip4 or ip6 term about s->name. PASS: it matches; NEUTRAL: it does not;
 * TEMPERROR, PERMERROR. Counts nothing when s->missing: an answer is being asked for. */
enum spf_word spf_library_judge(struct spf *s, const struct spf_term *t);

#endif
