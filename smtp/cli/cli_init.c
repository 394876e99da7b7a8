/* smtp/cli/cli_init.c: `vsmtp init`: a configuration to start from, and the DNS records that go
 * with it.
 *
 * What exists is never touched: either all files are new, or none is written. All being there just
 * as they would be written is no mistake.
 */
#include "../format/format.h"
#include "../conf/conf.h"
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define CLI_INIT_USAGE   "usage: vsmtp init DOMAIN [--dir DIR] [--inside RANGE]"
#define CLI_INIT_DEFAULT "/etc/vsmtp"
#define CLI_INIT_TEXT    (LIMIT_PATH * 64)

struct cli_init_run {
  str domain, dir; /* dir absolute, once it exists */
  char path[PATH_MAX];
  str inside;   /* a range that sends without a login; or empty */
  bool six;     /* of IPv6 */
  bool made;    /* the folder is ours to remove */
  bool private; /* nobody but its owner may enter the folder */
};

static int cli_init_mistake(const char *what)
{
  fprintf(stderr, "vsmtp init: %s\n" CLI_INIT_USAGE "\n", what);
  return EX_USAGE;
}

/* ---- the files ------------------------------------------------------------------------------- */

static void cli_init_path(struct buf *out, const char *key, str dir, const char *below)
{
  struct buf path = BUF_INIT(PATH_MAX + 64);

  buf_printf(&path, STR_FMT "/%s", STR_ARG(dir), below);
  buf_printf(out, "%s = ", key);
  buf_json(out, buf_str(&path)); /* a TOML string as well */
  buf_putc(out, '\n');
  buf_free(&path);
}

/* State goes where the system keeps it, unless the configuration itself is elsewhere. */
static void cli_init_toml(const struct cli_init_run *v, struct buf *out)
{
  bool usual = str_eq(v->dir, STR(CLI_INIT_DEFAULT));

  buf_printf(out,
             "# The mail server of " STR_FMT ". Every key: rules/examples/vsmtp.toml.\n"
             "version_requirement = \">=1.0.0\"\n\n"
             "[server]\ndomain = \"" STR_FMT "\"\n\n",
             STR_ARG(v->domain), STR_ARG(v->domain));
  if (v->private)
    buf_puts(out, "[server.system] # this folder is root's alone; better is one the user vsmtp "
                  "may read\nuser = \"root\"\ngroup = \"root\"\n\n");
  buf_puts(out, "[server.interfaces]\naddr = [\"0.0.0.0:25\"]\n\n[server.logs]\n");
  cli_init_path(out, "filepath", usual ? STR("/var/log/vsmtp") : v->dir,
                usual ? "vsmtp.log" : "log/vsmtp.log");
  buf_puts(out, "level = [\"info\"] # a line for each mail and client; \"warn\": troubles alone\n");
  buf_puts(out, "\n[server.queues]\n");
  cli_init_path(out, "dirpath", usual ? STR("/var/spool") : v->dir, usual ? "vsmtp" : "queue");
  buf_puts(out,
           "keep.quarantine = \"30d\" # of what rules set aside; without this line for ever\n");
  buf_puts(out, "\n[app]\n");
  cli_init_path(out, "dirpath", usual ? STR("/var/spool/vsmtp") : v->dir, "app");
  cli_init_path(out, "vsl.filepath", v->dir, "main.vsl");
  cli_init_path(out, "logs.filepath", usual ? STR("/var/log/vsmtp") : v->dir,
                usual ? "app.log" : "log/app.log");
  buf_puts(out, "\n# Mail for these must reach somebody. \"" ALIAS_FIRST_ACCOUNT
                "\" is the first of `vsmtp user add`; until\n"
                "# there is one postmaster has a mailbox. Or name somebody: postmaster = "
                "[\"alice\"].\n"
                "[app.aliases]\npostmaster = [\"" ALIAS_FIRST_ACCOUNT "\"]\n"
                "root = [\"postmaster\"]\nabuse = [\"postmaster\"]\n");
}

static void cli_init_rules(const struct cli_init_run *v, struct buf *out)
{
  buf_printf(
      out,
      "// -- main.vsl: who may send what through the mail server of " STR_FMT "\n"
      "import \"objects\" as obj;\n\n"
      "#{\n"
      "  mail: [\n"
      "    // Who sends for a domain must be allowed to by its owner. Those who have logged in\n"
      "    // may be anywhere, and no SPF record names the machines of the house.\n"
      "    rule \"check spf\" || if is_authenticated() || client_ip() in obj::internal_net {\n"
      "      next()\n"
      "    } else {\n"
      "      check_spf(\"mail_from\", \"spf\")\n"
      "    },\n"
      "  ],\n\n"
      "  rcpt: [\n"
      "    // The house may write to anybody, everybody may write to us.\n"
      "    rule \"check relay\" || check_relay(obj::internal_net),\n"
      "  ],\n"
      "}\n",
      STR_ARG(v->domain));
}

static void cli_init_objects(const struct cli_init_run *v, struct buf *out)
{
  buf_puts(
      out,
      "// -- objects.vsl: names for things\n\n"
      "// The machines that may send mail to the world through this server without a login:\n"
      "// this one alone. Everybody else logs in. A printer that cannot is named by its\n"
      "// address. Of a whole range think twice: behind a router that rewrites addresses, in a\n"
      "// container and in some VPNs all strangers come from an address of the house.\n"
      "object internal_net group = [\n"
      "  object here rg4 = \"127.0.0.0/8\",\n"
      "  object here6 ip6 = \"::1\",\n");
  if (v->inside.n)
    buf_printf(out, "  object house %s = \"" STR_FMT "\",\n", v->six ? "rg6" : "rg4",
               STR_ARG(v->inside));
  buf_puts(out, "  // object printer ip4 = \"192.168.1.20\",\n];\n");
}

static const struct {
  const char *name;
  void (*write)(const struct cli_init_run *v, struct buf *out);
} cli_init_files[] = {
    {"objects.vsl", cli_init_objects}, {"main.vsl", cli_init_rules}, {"vsmtp.toml", cli_init_toml}};

#define CLI_INIT_PATH (PATH_MAX + 32)

static void cli_init_name(const struct cli_init_run *v, size_t i, char path[CLI_INIT_PATH])
{
  snprintf(path, CLI_INIT_PATH, STR_FMT "/%s", STR_ARG(v->dir), cli_init_files[i].name);
}

/* Was the same called before, and nothing written since? */
static bool cli_init_is_done(const struct cli_init_run *v)
{
  char path[CLI_INIT_PATH];
  struct err ignored;
  bool same = true;

  for (size_t i = 0; same && i < BASE_COUNT(cli_init_files); i++) {
    struct buf text = BUF_INIT(CLI_INIT_TEXT), found = BUF_INIT(0);
    cli_init_name(v, i, path);
    cli_init_files[i].write(v, &text);
    same = buf_ok(&text) && file_read(str_of(path), CLI_INIT_TEXT, &found, &ignored) == 0 &&
           str_eq(buf_str(&text), buf_str(&found));
    buf_free(&text);
    buf_free(&found);
  }
  return same;
}

/* Whatever the umask: the server's user must read it. */
static int cli_init_write(const struct cli_init_run *v, size_t i, struct err *e)
{
  char path[CLI_INIT_PATH];
  struct buf text = BUF_INIT(CLI_INIT_TEXT);
  int fd, rc = -1;

  cli_init_name(v, i, path);
  cli_init_files[i].write(v, &text);
  fd = buf_ok(&text) ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
  if (!buf_ok(&text))
    err_nomem(e);
  else if (fd < 0)
    err_sys(e, errno, "cannot make %s", path);
  else if (write(fd, text.p, text.n) != (ssize_t)text.n || fchmod(fd, 0644) < 0)
    err_sys(e, errno, "cannot write %s", path);
  else
    rc = 0;
  if (fd >= 0) close(fd);
  if (fd >= 0 && rc < 0) unlink(path);
  buf_free(&text);
  return rc;
}

static int cli_init_write_all(struct cli_init_run *v, struct err *e)
{
  char path[CLI_INIT_PATH];

  for (size_t i = 0; i < BASE_COUNT(cli_init_files); i++) {
    if (cli_init_write(v, i, e) == 0) continue;
    while (i-- > 0) {
      cli_init_name(v, i, path);
      unlink(path);
    }
    if (v->made) rmdir(v->path);
    return -1;
  }
  return 0;
}

/* ---- the folder ------------------------------------------------------------------------------ */

/* May other users come to the folder and read it? */
static bool cli_init_is_private(const char *dir)
{
  char path[PATH_MAX];
  struct stat st;
  size_t n = strlen(dir);

  memcpy(path, dir, n + 1);
  if (stat(path, &st) < 0 || (st.st_mode & 5) != 5) return true;
  while (n > 1) {
    while (n > 1 && path[n - 1] != '/') n--;
    if (n > 1) n--;
    path[n] = '\0';
    if (stat(path, &st) < 0 || !(st.st_mode & 1)) return true;
  }
  return false;
}

static int cli_init_folder(struct cli_init_run *v, const char *dir, struct err *e)
{
  v->made = mkdir(dir, 0755) == 0;
  if (v->made && chmod(dir, 0755) < 0) return err_sys(e, errno, "cannot make folder %s", dir);
  if (!v->made && errno != EEXIST) return err_sys(e, errno, "cannot make folder %s", dir);
  if (!realpath(dir, v->path)) return err_sys(e, errno, "cannot use folder %s", dir);
  v->dir = str_of(v->path);
  v->private = geteuid() == 0 && cli_init_is_private(v->path);
  return 0;
}

/* ---- options --------------------------------------------------------------------------------- */

/* Of a range as wide as all the world nobody can mean it. */
static bool cli_init_inside(struct cli_init_run *v, str range)
{
  struct netaddr a;
  str bits = range, ip;
  uint64_t n;

  if (!str_cut(&bits, '/', &ip) || netaddr_of_ip(ip, 0, &a) < 0) return false;
  v->inside = range;
  v->six = a.sa.sa_family == AF_INET6;
  return bits.n > 0 && str_to_u64(bits, &n, 10) == 0 && n >= 8 && n <= (v->six ? 128 : 32);
}

/* ---- the command ----------------------------------------------------------------------------- */

static void cli_init_print(const struct cli_init_run *v)
{
  str d = v->domain;

  printf("; publish these; ADDRESS is that of this machine as the world sees it\n");
  printf(STR_FMT ". MX 10 mail." STR_FMT ".\n", STR_ARG(d), STR_ARG(d));
  printf("mail." STR_FMT ". A ADDRESS\n", STR_ARG(d));
  printf(STR_FMT ". TXT \"v=spf1 +mx -all\"\n", STR_ARG(d));
  printf("mail." STR_FMT ". TXT \"v=spf1 a -all\"\n", STR_ARG(d));
  printf("; and ask who gave you the address for its reverse name: mail." STR_FMT ".\n",
         STR_ARG(d));
}

static void cli_init_say(const struct cli_init_run *v, bool was_done)
{
  fprintf(stderr,
          was_done ? "vsmtp init: nothing changed: all of it is in " STR_FMT " already; next:\n"
                   : "vsmtp init: wrote vsmtp.toml, main.vsl and objects.vsl in " STR_FMT
                     "; next:\n",
          STR_ARG(v->dir));
  if (str_eq(v->dir, STR(CLI_INIT_DEFAULT)))
    fputs("  vsmtp check\n", stderr);
  else
    fprintf(stderr, "  vsmtp check -c " STR_FMT "/vsmtp.toml\n", STR_ARG(v->dir));
}

int cli_init(int argc, char **argv)
{
  static const struct option names[] = {{"dir", required_argument, NULL, 'd'},
                                        {"inside", required_argument, NULL, 'i'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  struct cli_init_run v = {.made = false};
  const char *dir = CLI_INIT_DEFAULT;
  struct err e;

  opterr = 0;
  optind = 0;
  for (int c; (c = getopt_long(argc, argv, ":h", names, NULL)) != -1;) {
    if (c == 'h') return puts(CLI_INIT_USAGE) < 0 ? EX_IOERR : EX_OK;
    if (c != 'd' && c != 'i')
      return cli_init_mistake(c == ':' ? "an option wants a value" : "no such option");
    if (c == 'd') dir = optarg;
    if (c == 'i' && !cli_init_inside(&v, str_of(optarg)))
      return cli_init_mistake("--inside wants a range such as 192.168.1.0/24, of prefix 8 or more");
  }
  if (argc - optind != 1) return cli_init_mistake("it wants one domain");
  v.domain = str_of(argv[optind]);
  if (str_ends(v.domain, STR("."))) v.domain.n--;
  if (!addr_domain_ok(v.domain, false) || str_chr(v.domain, '.') < 0)
    return cli_init_mistake("this is no domain such as home.example");
  bool done = false;
  if (cli_init_folder(&v, dir, &e) < 0 ||
      (!(done = cli_init_is_done(&v)) && cli_init_write_all(&v, &e) < 0)) {
    fprintf(stderr, "vsmtp init: nothing changed: %s%s\n", e.text,
            str_ends(str_of(e.text), str_of(strerror(EEXIST)))
                ? "; there is a configuration already: edit it, or use --dir"
                : "");
    return EX_CANTCREAT;
  }
  cli_init_print(&v);
  cli_init_say(&v, done);
  return EX_OK;
}
#undef CLI_INIT_TEXT
#undef CLI_INIT_PATH
#undef CLI_INIT_USAGE
#undef CLI_INIT_DEFAULT
