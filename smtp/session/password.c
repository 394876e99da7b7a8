/* smtp/session/password.c: does this password open that account? */
#include "session.h"

#define PASSWORD_SLICE_US 2000 /* of work in a turn */
#define PASSWORD_ROUNDS   256  /* between two looks at the clock */

struct password_seen {
  unsigned char hash[32];
  int64_t until; /* clock_mono; 0: free */
};

struct passwords {
  struct loop *loop;
  struct store *store;
  unsigned char key[32];   /* of what is remembered; dies with the process */
  unsigned char salts[32]; /* makes up salts: kept in the store, so that they stay the same */
  struct password_seen seen[LIMIT_AUTH_SEEN];
  struct list line;           /* the first is worked on */
  struct crypto_pbkdf2 *work; /* of the first */
  struct task task;
};

/* ---- names ----------------------------------------------------------------------------------- */

int password_account(const struct conf *conf, str given, struct buf *out)
{
  struct buf name = BUF_INIT(PASSWORD_ACCOUNT_MAX + 1 + conf->server.domain.n);
  int rc = given.n > PASSWORD_ACCOUNT_MAX ? -1 : sasl_prepare(given, &name);
  if (rc == 0 && str_chr(buf_str(&name), '@') < 0) {
    buf_putc(&name, '@');
    buf_str_add(&name, conf->server.domain);
  }
  for (size_t i = 0; i < name.n; i++) name.p[i] = str_lower(name.p[i]);
  if (rc == 0 && name.n <= PASSWORD_ACCOUNT_MAX) buf_str_add(out, buf_str(&name));
  if (name.n > PASSWORD_ACCOUNT_MAX) rc = -1;
  if (!buf_ok(&name)) out->failed = true;
  if (!buf_ok(out)) rc = -1;
  buf_free(&name);
  return rc;
}

/* ---- verifiers ------------------------------------------------------------------------------- */

static void password_copy_salts(struct passwords *l)
{
  struct buf kept = BUF_INIT(sizeof l->salts);
  struct err e;
  int64_t made_at;
  int found = secret_get(l->store, STR("accounts"), &kept, &made_at, &e);
  if (found > 0 && kept.n == sizeof l->salts)
    memcpy(l->salts, kept.p, kept.n);
  else if (found == 0 &&
           secret_set(l->store, STR("accounts"), (str){(char *)l->salts, sizeof l->salts}, &e) < 0)
    log_warn(LOG_STORE, "%s", e.text);
  buf_wipe(&kept);
}

struct passwords *password_new(struct loop *loop, struct store *s)
{
  struct passwords *l = mem_alloc(sizeof *l);
  if (!l) return NULL;
  l->loop = loop;
  l->store = s;
  random_bytes(l->key, sizeof l->key);
  random_bytes(l->salts, sizeof l->salts);
  password_copy_salts(l);
  return l;
}

void password_free(struct passwords *l)
{
  if (!l) return;
  loop_unready(&l->task);
  mem_wipe(l, sizeof *l);
  mem_free(l);
}

static int password_invent(const struct passwords *l, str account, struct scram_verifier *out)
{
  unsigned char hash[32];
  str key = {(const char *)l->salts, sizeof l->salts};
  *out = (struct scram_verifier){.rounds = LIMIT_AUTH_ROUNDS, .salt_n = SCRAM_SALT};
  if (crypto_hmac(CRYPTO_SHA256, key, account, hash) < 0) return -1;
  memcpy(out->salt, hash, SCRAM_SALT);
  random_bytes(out->stored_key, sizeof out->stored_key);
  return 0;
}

int password_verifier(struct passwords *l, str account, struct scram_verifier *out)
{
  struct buf text = BUF_INIT(512);
  struct err e;
  int found = account.n ? account_get(l->store, account, &text, &e) : 0;
  if (found > 0 && scram_read(buf_str(&text), out) < 0)
    found = err_set(&e, ERR_IO, "the verifier of account %s is damaged: vsmtp user passwd",
                    log_q(account));
  if (found < 0) log_warn(LOG_STORE, "%s", e.text);
  if (found == 0 && password_invent(l, account, out) < 0) found = -1;
  buf_free(&text);
  return found;
}

/* ---- what is remembered ---------------------------------------------------------------------- */

/* The account's verifier is in it: with a new password what was remembered fits no more. */
static int password_hash(const struct passwords *l, const struct password_check *c,
                         unsigned char hash[32])
{
  struct buf text = BUF_INIT(8192);
  buf_printf(&text, "%zu:" STR_FMT, c->account.n, STR_ARG(buf_str(&c->account)));
  buf_add(&text, c->verifier.stored_key, sizeof c->verifier.stored_key);
  buf_str_add(&text, buf_str(&c->password));
  int rc = buf_ok(&text) ? crypto_hmac(CRYPTO_SHA256, (str){(const char *)l->key, sizeof l->key},
                                       buf_str(&text), hash)
                         : -1;
  buf_wipe(&text);
  return rc;
}

static bool password_was_right(const struct passwords *l, const struct password_check *c)
{
  unsigned char hash[32];
  bool right = false;
  if (!c->known || password_hash(l, c, hash) < 0) return false;
  for (size_t i = 0; i < LIMIT_AUTH_SEEN; i++)
    right |= l->seen[i].until > clock_mono() && crypto_same(l->seen[i].hash, hash, sizeof hash);
  return right;
}

static void password_remember(struct passwords *l, const struct password_check *c)
{
  struct password_seen *oldest = &l->seen[0];
  unsigned char hash[32];
  if (password_hash(l, c, hash) < 0) return;
  for (size_t i = 1; i < LIMIT_AUTH_SEEN; i++)
    if (l->seen[i].until < oldest->until) oldest = &l->seen[i];
  memcpy(oldest->hash, hash, sizeof hash);
  oldest->until = clock_mono() + LIMIT_AUTH_REMEMBER;
}

/* ---- the line -------------------------------------------------------------------------------- */

static struct password_check *password_first(const struct passwords *l)
{
  return LIST_FIRST(&l->line, struct password_check, link);
}

static bool password_has_room(const struct passwords *l, struct ban_key who)
{
  LIST_EACH(&l->line, const struct password_check, link, c)
    if (memcmp(&c->who, &who, sizeof who) == 0) return false;
  return l->line.n < LIMIT_AUTH_WAITING;
}

static enum password_answer password_judge(struct passwords *l, struct password_check *c)
{
  enum password_answer answer = PASSWORD_BUSY;
  unsigned char salted[32];
  if (!l->work || crypto_pbkdf2_key(l->work, salted) < 0) return answer;
  if (c->make) {
    if (scram_keys(salted, &c->verifier) == 0) answer = PASSWORD_RIGHT;
  } else {
    answer = scram_fits(salted, &c->verifier) && c->known ? PASSWORD_RIGHT : PASSWORD_WRONG;
    if (answer == PASSWORD_RIGHT) password_remember(l, c);
  }
  mem_wipe(salted, sizeof salted);
  return answer;
}

static void password_finish(struct passwords *l)
{
  struct password_check *c = password_first(l);
  password_done *done = c->done;
  void *arg = c->arg;
  enum password_answer answer = password_judge(l, c);
  password_end(c);
  done(arg, answer);
}

/* Works on the first in line. */
static void password_work(struct task *t, void *arg)
{
  struct passwords *l = arg;
  struct password_check *c = password_first(l);
  int64_t until = clock_mono_us() + PASSWORD_SLICE_US;
  bool over = false;
  if (!c) return;
  if (!l->work)
    l->work =
        crypto_pbkdf2_new(buf_str(&c->password), scram_salt(&c->verifier), c->verifier.rounds);
  while (l->work && !over && clock_mono_us() < until)
    over = crypto_pbkdf2_run(l->work, PASSWORD_ROUNDS);
  if (over || !l->work) password_finish(l);
  if (l->line.first) loop_ready(l->loop, t);
}

static enum password_answer password_stand(struct passwords *l, struct password_check *c)
{
  if (!password_has_room(l, c->who)) {
    password_end(c);
    return PASSWORD_BUSY;
  }
  list_add(&l->line, &c->link);
  l->task.run = password_work;
  l->task.arg = l;
  loop_ready(l->loop, &l->task);
  return PASSWORD_WAIT;
}

/* The question with its verifier; -1: it cannot be asked now. A password that cannot be one is
 * hashed all the same. */
static int password_ask(struct passwords *l, struct password_check *c, struct ban_key who,
                        str account, str password, password_done *done, void *arg)
{
  *c = (struct password_check){.all = l, .who = who, .done = done, .arg = arg};
  c->account.cap = PASSWORD_ACCOUNT_MAX;
  c->password.cap = LIMIT_AUTH_PASSWORD;
  bool fits = account.n <= PASSWORD_ACCOUNT_MAX && password.n <= LIMIT_AUTH_PASSWORD;
  if (fits) buf_str_add(&c->account, account);
  fits = sasl_prepare(password, &c->password) == 0 && fits;
  if (!fits && buf_ok(&c->password)) {
    buf_clear(&c->password);
    buf_str_add(&c->password, str_sub(password, 0, LIMIT_AUTH_PASSWORD));
  }
  if (!buf_ok(&c->account) || !buf_ok(&c->password)) return -1;
  int found = password_verifier(l, buf_str(&c->account), &c->verifier);
  c->known = found > 0 && fits;
  return found;
}

enum password_answer password_begin(struct passwords *l, struct password_check *c,
                                    struct ban_key who, str account, str password,
                                    password_done *done, void *arg)
{
  if (password_ask(l, c, who, account, password, done, arg) < 0) {
    password_end(c);
    return PASSWORD_BUSY;
  }
  if (!password_was_right(l, c)) return password_stand(l, c);
  password_end(c);
  return PASSWORD_RIGHT;
}

enum password_answer password_make(struct passwords *l, struct password_check *c,
                                   struct ban_key who, str account, str password,
                                   password_done *done, void *arg)
{
  if (password_ask(l, c, who, account, password, done, arg) < 0 ||
      password_invent(l, account, &c->verifier) < 0) {
    password_end(c);
    return PASSWORD_BUSY;
  }
  c->make = true;
  return password_stand(l, c);
}

/* Out of the line; the verifier made stays. */
void password_end(struct password_check *c)
{
  struct passwords *l = c->all;
  if (!l) return;
  if (password_first(l) == c) {
    crypto_pbkdf2_free(l->work);
    l->work = NULL;
  }
  list_remove(&c->link);
  buf_wipe(&c->password);
  buf_free(&c->account);
  c->all = NULL;
}

/* ---- for commands ---------------------------------------------------------------------------- */

int password_make_now(str password, struct scram_verifier *out)
{
  struct buf prepared = BUF_INIT(LIMIT_AUTH_PASSWORD);
  unsigned char salted[32];
  struct crypto_pbkdf2 *work = NULL;
  int rc = sasl_prepare(password, &prepared);
  *out = (struct scram_verifier){.rounds = LIMIT_AUTH_ROUNDS, .salt_n = SCRAM_SALT};
  if (random_bytes(out->salt, SCRAM_SALT) < 0) rc = -1;
  if (rc == 0) work = crypto_pbkdf2_new(buf_str(&prepared), scram_salt(out), out->rounds);
  if (work) crypto_pbkdf2_run(work, UINT32_MAX);
  rc = work && crypto_pbkdf2_key(work, salted) == 0 && scram_keys(salted, out) == 0 ? 0 : -1;
  crypto_pbkdf2_free(work);
  mem_wipe(salted, sizeof salted);
  buf_wipe(&prepared);
  return rc;
}
#undef PASSWORD_SLICE_US
#undef PASSWORD_ROUNDS
