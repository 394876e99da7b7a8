/* smtp/cli/cli_user.c: `vsmtp user`: the accounts that may log in, each a mailbox as well.
 *
 *   user [list]          user add ADDRESS
 *   user passwd ADDRESS  user remove ADDRESS
 *
 * A password comes from the terminal, or as the first line of standard input: never from an
 * argument, which every user of the machine can see. It is not kept, only what proves it.
 */
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "../session/session.h"
#include "cli_db.h"
#include "cli.h"

static const char cli_user_usage[] =
    "usage: vsmtp user [list]            accounts and when they were made and changed\n"
    "       vsmtp user add ADDRESS       a new one; asks for its password\n"
    "       vsmtp user passwd ADDRESS    another password; it holds at once\n"
    "       vsmtp user remove ADDRESS    nobody can log in by it any more; its mail stays\n"
    "options: -c FILE, --json";

/* ---- the password ---------------------------------------------------------------------------- */

/* A line of standard input. -1: there is none, or it is longer than any password may be. */
static int cli_user_line(struct buf *out)
{
  char c;
  ssize_t got;
  buf_clear(out);
  while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') buf_putc(out, c);
  if (out->n && out->p[out->n - 1] == '\r') out->n--;
  return (got == 1 || out->n) && buf_ok(out) ? 0 : -1;
}

/* Without echo, and without signals: nobody's terminal stays mute. */
static int cli_user_prompt(const char *prompt, struct buf *out)
{
  struct termios was, mute;
  bool terminal = tcgetattr(STDIN_FILENO, &was) == 0;
  if (!terminal) return cli_user_line(out);
  mute = was;
  mute.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &mute);
  fprintf(stderr, "%s", prompt);
  int rc = cli_user_line(out);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
  fputc('\n', stderr);
  return rc;
}

/* Asked for twice where it cannot be seen. */
static int cli_user_ask(struct buf *out)
{
  struct buf again = BUF_INIT(LIMIT_AUTH_PASSWORD);
  int rc = cli_user_prompt("password: ", out);
  if (rc < 0) {
    fprintf(stderr, "vsmtp user: no password, or one of more than %d octets\n",
            LIMIT_AUTH_PASSWORD);
  } else if (isatty(STDIN_FILENO) && (cli_user_prompt("once more: ", &again) < 0 ||
                                      !str_eq(buf_str(&again), buf_str(out)))) {
    fprintf(stderr, "vsmtp user: these were two different passwords, nothing was changed\n");
    rc = -1;
  }
  buf_wipe(&again);
  return rc;
}

/* A verifier of the password given, as text. An exit code. */
static int cli_user_verifier(struct buf *out)
{
  struct buf password = BUF_INIT(LIMIT_AUTH_PASSWORD);
  struct scram_verifier v;
  int code = EX_DATAERR;
  if (cli_user_ask(&password) == 0) {
    if (password_make_now(buf_str(&password), &v) == 0)
      scram_write(&v, out), code = EX_OK;
    else
      fprintf(stderr, "vsmtp user: this cannot be a password: it is empty, not UTF-8, or holds "
                      "characters nobody can type\n");
  }
  buf_wipe(&password);
  return code == EX_OK && !buf_ok(out) ? EX_OSERR : code;
}

/* ---- what is done: an exit code -------------------------------------------------------------- */

static int cli_user_result(int r, int none, const char *why, str name, const struct err *e)
{
  if (r < 0) return cli_db_fail("user", e);
  if (r == 0) fprintf(stderr, "vsmtp user: %s: %s\n", why, log_q(name));
  return r == 0 ? none : EX_OK;
}

/* An account is a mailbox, which is a folder: its name must be that of one, and our own. */
static bool cli_user_may_be(const struct conf *conf, str name)
{
  ptrdiff_t at = str_rchr(name, '@');
  str local = str_sub(name, 0, (size_t)at);
  bool fine = local.n > 0 && local.n <= LIMIT_LOCAL_PART && local.p[0] != '.';
  for (size_t i = 0; fine && i < local.n; i++)
    fine = str_isalnum(local.p[i]) || memchr("._+-", local.p[i], 4);
  if (!fine)
    fprintf(stderr, "vsmtp user: the name of an account is of letters, digits and . _ + -: %s\n",
            log_q(name));
  else if (!conf_is_ours(conf, str_skip(name, (size_t)at + 1)))
    fprintf(stderr, "vsmtp user: not in server.domain or server.virtual: %s\n", log_q(name));
  else
    return true;
  return false;
}

static int cli_user_add(struct store *s, const struct conf *conf, str name)
{
  struct buf verifier = BUF_INIT(1024);
  struct err e;
  int code = EX_DATAERR;
  if (!cli_user_may_be(conf, name)) return code;
  if (account_exists(s, name) == 1) {
    code = cli_user_result(0, EX_CANTCREAT, "there is such an account already", name, &e);
  } else if ((code = cli_user_verifier(&verifier)) == EX_OK) {
    code = cli_user_result(account_add(s, name, buf_str(&verifier), &e), EX_CANTCREAT,
                           "there is such an account already", name, &e);
  }
  buf_free(&verifier);
  return code;
}

static int cli_user_passwd(struct store *s, const struct conf *conf, str name)
{
  struct buf verifier = BUF_INIT(1024);
  struct err e;
  int code;
  (void)conf;
  if (account_exists(s, name) == 0)
    return cli_user_result(0, EX_NOUSER, "no such account", name, &e);
  code = cli_user_verifier(&verifier);
  if (code == EX_OK)
    code = cli_user_result(account_set(s, name, buf_str(&verifier), &e), EX_NOUSER,
                           "no such account", name, &e);
  buf_free(&verifier);
  return code;
}

static int cli_user_remove(struct store *s, const struct conf *conf, str name)
{
  struct err e;
  int r = account_remove(s, name, &e);
  (void)conf;
  return cli_user_result(r, EX_NOUSER, "no such account", name, &e);
}

/* ---- list ------------------------------------------------------------------------------------ */

struct cli_user_list {
  struct buf out;
  bool json;
};

static bool cli_user_row(void *arg, const struct store_cell *cell, size_t n)
{
  struct cli_user_list *l = arg;
  if (l->json) {
    cli_db_json(&l->out, cell, n);
    buf_putc(&l->out, '\n');
  } else {
    buf_printf(&l->out, "%-40s " STR_FMT " " STR_FMT "\n", cli_db_get(cell, n, "name").p,
               STR_ARG(cli_db_get(cell, n, "made_at")), STR_ARG(cli_db_get(cell, n, "changed_at")));
  }
  cli_db_print(&l->out);
  return true;
}

static int cli_user_show(struct store *s, bool json)
{
  struct cli_user_list l = {.out = BUF_INIT(CLI_DB_BUFFER), .json = json};
  struct err e;
  if (!json) printf("%-40s %-20s %s\n", "ACCOUNT", "MADE", "PASSWORD CHANGED");
  int r = view_rows(s, VIEW_ACCOUNT, STR(""), STR(""), cli_user_row, &l, &e);
  buf_free(&l.out);
  if (r < 0) return cli_db_fail("user", &e);
  return fflush(stdout) ? EX_IOERR : EX_OK;
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct cli_user_call {
  const char *word;
  bool make; /* the database, if there is none yet */
  int (*run)(struct store *s, const struct conf *conf, str name);
} cli_user_calls[] = {
    {"add", true, cli_user_add},
    {"passwd", false, cli_user_passwd},
    {"remove", false, cli_user_remove},
    {"list", false, NULL},
};

static const struct cli_user_call *cli_user_find(int argc, char **argv)
{
  size_t i = 0;
  if (argc == 0) return &cli_user_calls[BASE_COUNT(cli_user_calls) - 1];
  while (i < BASE_COUNT(cli_user_calls) && strcmp(argv[0], cli_user_calls[i].word) != 0) i++;
  if (i == BASE_COUNT(cli_user_calls) || argc != (cli_user_calls[i].run ? 2 : 1)) return NULL;
  return &cli_user_calls[i];
}

int cli_user(int argc, char **argv)
{
  struct options o;
  struct store *s = NULL;
  struct conf *conf = NULL;
  struct buf name = BUF_INIT(PASSWORD_ACCOUNT_MAX);
  int code = options_read(argc, argv, true, 2, cli_user_usage, &o);
  if (code != OPTIONS_GO) return code;
  argc -= o.first, argv += o.first;
  const struct cli_user_call *call = cli_user_find(argc, argv);
  if (!call) {
    fprintf(stderr, "vsmtp user: no such call\n%s\n", cli_user_usage);
    return EX_USAGE;
  }
  code = (call->make ? cli_db_make : cli_db_open)("user", &o, &s, &conf);
  if (code != OPTIONS_GO) return code;
  if (!call->run) {
    code = cli_user_show(s, o.json);
  } else if (password_account(conf, str_of(argv[1]), &name) < 0) {
    fprintf(stderr, "vsmtp user: this is no address: %s\n", log_q(str_of(argv[1])));
    code = EX_DATAERR;
  } else {
    code = call->run(s, conf, buf_str(&name));
  }
  buf_free(&name);
  cli_db_close(s, conf);
  return code;
}
