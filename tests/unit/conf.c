/* tests/unit/conf.c: the table of keys, defaults, canonical forms, and requirements of versions.
 * The messages of faults are tests/golden/conf. */
#include "../check.h"

#include "../../smtp/conf/conf.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct conf_world conf_nowhere = {STR_INIT("/nonexistent/passwd"),
                                               STR_INIT("/nonexistent/group"),
                                               STR_INIT("host.example"),
                                               false,
                                               {NULL, 0}};

/* Loads a text; what is wrong with it goes to faults, a line each. */
static struct conf *conf_of(const char *text, struct buf *faults)
{
  struct diags d;
  if (!CHECK(diags_init(&d) == 0)) return NULL;
  struct conf *c = conf_parse(STR("/etc/vsmtp/test.toml"), str_of(text), &conf_nowhere, &d);
  for (size_t i = 0; faults && i < d.n; i++)
    if (str_find(d.list[i].text, STR("not built in yet")) < 0)
      buf_printf(faults, "%s%d:%d " STR_FMT "\n", d.list[i].warning ? "warning " : "",
                 d.list[i].line, d.list[i].column, STR_ARG(d.list[i].text));
  diags_free(&d);
  return c;
}

#define CONF_HEAD "version_requirement = \"*\"\n[server]\ndomain = \"d.example\"\n"

static void conf_faults(const char *text, const char *want)
{
  struct buf whole = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);
  buf_printf(&whole, CONF_HEAD "%s", text);
  conf_free(conf_of(buf_cstr(&whole), &got));
  CHECK_STR(&got, want);
  buf_free(&whole);
  buf_free(&got);
}

static str conf_text_of(const struct conf *c, const char *path)
{
  const struct toml *t = conf_find(c->tree, path);
  return t && t->type == TOML_STRING ? t->text : STR("(none)");
}

TEST(conf_rows_stand_behind_their_table)
{
  for (size_t i = 0; i < conf_key_count; i++) {
    str path = str_of(conf_keys[i].path);
    ptrdiff_t dot = str_rchr(path, '.');
    size_t tables = 0;
    for (size_t k = 0; k < i; k++) {
      CHECK(strcmp(conf_keys[k].path, conf_keys[i].path) != 0);
      if (str_eq(str_of(conf_keys[k].path), str_sub(path, 0, dot < 0 ? 0 : (size_t)dot))) tables++;
    }
    CHECK_INT(tables, dot < 0 ? 0 : 1);
    CHECK(conf_keys[i].meaning && conf_keys[i].meaning[0]);
    if (conf_keys[i].type == CONF_INT) CHECK(conf_keys[i].max > conf_keys[i].min);
  }
}

TEST(conf_defaults_are_those_of_the_page)
{
  struct conf *c = conf_of("version_requirement = \">=1.0.0\"\n", NULL);
  if (!CHECK(c)) return;
  CHECK_STR(c->server.domain, "host.example");
  CHECK(c->domain_forgotten);
  CHECK_INT(c->server.client_count_max, 128);
  CHECK_INT(c->server.client_count_max_per_ip, 16);
  CHECK_INT(c->server.message_size_limit, 50000000);
  CHECK_INT(c->server.interfaces.addr.n, 1);
  CHECK_STR(c->server.interfaces.addr.list[0].text, "127.0.0.1:25");
  CHECK_INT(netaddr_port(&c->server.interfaces.addr_submission.list[0].addr), 587);
  CHECK_INT(c->server.interfaces.addr_submissions.n, 0); /* nothing listens there without TLS */
  CHECK_STR(c->server.logs.filepath, "/var/log/vsmtp/vsmtp.log");
  CHECK(!c->server.logs.filepath_given);
  CHECK_INT(c->server.logs.level[LOG_DNS], LOG_WARN);
  CHECK_INT(c->server.queues.delivery.deferred_retry_max, 0);
  CHECK_INT(c->server.queues.delivery.deferred_retry_period, 300000);
  CHECK_INT(c->server.queues.delivery.lifetime, 5 * 86400000LL);
  CHECK_INT(c->server.queues.keep.quarantine, 0);
  CHECK(!c->server.tls.on && !c->server.smtp.auth.on && !c->server.relay.on);
  CHECK(c->server.dns.on);
  CHECK_INT(c->server.dns.options.ip_strategy, CONF_IPV4_THEN_IPV6);
  CHECK_INT(c->server.smtp.rcpt_count_max, 1000);
  CHECK_INT(c->server.smtp.unknown_rcpt, CONF_RCPT_REFUSE);
  CHECK_INT(c->server.smtp.timeout_client.data, 300000);
  CHECK_INT(c->server.smtp.codes[CODE_DENIED].basic, 554);
  CHECK_STR(c->server.smtp.codes[CODE_DENIED].enhanced, "5.7.1");
  CHECK_STR(c->server.smtp.codes[CODE_GREETINGS].text, "host.example Service ready");
  CHECK_INT(c->app.vsl.max_memory, 4 << 20);
  CHECK_INT(c->app.vsl.max_time, 60000);
  CHECK_STR(c->app.vsl.filepath, "");
  CHECK_STR(conf_text_of(c, "server.smtp.codes.Greetings"), "220 {domain} Service ready");
  CHECK(!conf_find(c->tree, "server.tls") && !conf_find(c->tree, "app.vsl.filepath"));
  conf_free(c);
}

TEST(conf_of_the_chapter)
{
  struct buf faults = BUF_INIT(1000);
  struct conf *c = conf_of("version_requirement = \">=1.0.0\"\n"
                           "[server.interfaces]\n"
                           "addr = [\"127.0.0.1:10025\", \"127.0.0.1:10024\"]\n",
                           &faults);
  CHECK_STR(&faults, "warning 0:0 mail for which domain? set server.domain (taken for now: "
                     "host.example)\n");
  if (CHECK(c)) {
    CHECK_INT(c->server.interfaces.addr.n, 2);
    CHECK_INT(netaddr_port(&c->server.interfaces.addr.list[1].addr), 10024);
    CHECK_INT(c->server.interfaces.addr_submission.n, 0);
  }
  buf_free(&faults);
  conf_free(c);
}

static const char conf_forms[] =
    CONF_HEAD "client_count_max = -1\n"
              "[server.interfaces]\naddr = ['[::1]:0', '127.0.0.1:0', '127.0.0.1:0']\n"
              "[server.logs]\nfilepath = './log/v.log'\n"
              "level = ['dns = TRACE', 'default=error', 'app=debug', 'receiver::smtp=off']\n"
              "[server.dns]\ntype = 'custom'\n"
              "[server.dns.config]\nsearch = ['lan']\nname_servers = ['192.0.2.1:53', "
              "{ socket_addr = '[2001:db8::1]:53', protocol = 'tcp', trust_nxdomain = true, "
              "bind_addr = '192.0.2.9:0' }]\n"
              "[server.virtual.'a.example']\n"
              "[server.virtual.'b.example'.dns]\ntype = 'google'\n"
              "[server.smtp.error]\ndelay = '1m 500ms'\n"
              "[server.smtp.codes]\nOk = '250 Fine'\nDenied = '550 5.7.26 no, {domain}'\n"
              "AlreadyUnderTLS = { code = 503, text = \"a\\r\\nb\\r\\n\" }\n"
              "[server.smtp.codes.Help]\ncode = 214\nenhanced = '2.0.0'\ntext = 'see docs'\n"
              "[server.smtp.auth]\nmechanisms = ['LOGIN', 'ANONYMOUS']\n"
              "[server.relay]\nhost = 'smtp.example:587'\n"
              "[app.aliases]\nroot = ['alice', 'b@c.example']\n'x@d.example' = ['z@y.example']\n";

TEST(conf_reads_every_form)
{
  struct buf faults = BUF_INIT(1000);
  struct conf *c = conf_of(conf_forms, &faults);
  CHECK_STR(&faults, "");
  if (CHECK(c)) {
    CHECK(!c->domain_forgotten);
    CHECK_INT(c->server.client_count_max, -1);
    CHECK_INT(c->server.interfaces.addr.n, 3);
    CHECK_STR(c->server.logs.filepath, "/etc/vsmtp/log/v.log");
    CHECK_INT(c->server.logs.level[LOG_DNS], LOG_TRACE);
    CHECK_INT(c->server.logs.level[LOG_RECEIVER], LOG_OFF);
    CHECK_INT(c->server.logs.level[LOG_TLS], LOG_ERROR);
    CHECK_INT(c->app.logs.level[LOG_APP], LOG_DEBUG);
    CHECK_STR(conf_text_of(c, "server.logs.level.default"), "error");
    CHECK_INT(c->server.dns.config.name_server_count, 2);
    CHECK(c->server.dns.config.name_servers[1].tcp);
    CHECK(c->server.dns.config.name_servers[1].trust_nx_responses);
    CHECK_INT(c->server.virtual_count, 2);
    CHECK(conf_is_ours(c, STR("A.Example")) && conf_is_ours(c, STR("D.example")));
    CHECK(!conf_is_ours(c, STR("c.example")));
    CHECK(!conf_virtual_find(c, STR("a.example"))->dns.on);
    CHECK_INT(conf_virtual_find(c, STR("b.example"))->dns.type, CONF_DNS_GOOGLE);
    CHECK_INT(c->server.smtp.error.delay, 60500);
    CHECK_STR(conf_text_of(c, "server.smtp.error.delay"), "1m 500ms");
    CHECK_STR(c->server.smtp.codes[CODE_OK].text, "Fine");
    CHECK_STR(c->server.smtp.codes[CODE_DENIED].text, "no, d.example");
    CHECK_STR(c->server.smtp.codes[CODE_ALREADY_UNDER_TLS].text, "a\nb");
    CHECK_STR(conf_text_of(c, "server.smtp.codes.Help"), "214 2.0.0 see docs");
    CHECK_INT(c->server.smtp.auth.mechanisms, CONF_LOGIN | CONF_ANONYMOUS);
    CHECK_INT(c->server.relay.tls, TARGET_TLS_OPPORTUNISTIC);
    CHECK_STR(c->app.aliases.list[0].address, "root@d.example");
    CHECK_STR(c->app.aliases.list[0].targets[0], "alice@d.example");
    CHECK_STR(c->app.aliases.list[1].targets[0], "z@y.example");
  }
  buf_free(&faults);
  conf_free(c);
}

TEST(conf_tls_reads_its_files)
{
  struct buf text = BUF_INIT(4096), faults = BUF_INIT(4096);
  const char *dir = check_folder();
  char cert[200], key[200];
  snprintf(cert, sizeof cert, "%s/cert", dir);
  snprintf(key, sizeof key, "%s/key", dir);
  for (int i = 0; i < 2; i++) {
    FILE *f = fopen(i ? key : cert, "w");
    if (!CHECK(f)) return;
    fputs("pem\n", f);
    fclose(f);
  }
  chmod(key, 0644);
  buf_printf(&text,
             CONF_HEAD "[server.tls]\nsecurity_level = 'Encrypt'\nprotocol_version = '>=TLSv1.2'\n"
                       "certificate = '%s'\nprivate_key = '%s'\n"
                       "[server.virtual.'v.example'.tls]\nprotocol_version = ['0x0304']\n"
                       "certificate = '%s'\nprivate_key = '%s'\n",
             cert, key, cert, cert);
  struct conf *c = conf_of(buf_cstr(&text), &faults);
  CHECK(str_find(buf_str(&faults), STR("warning 8:15 server.tls.private_key: everybody")) == 0);
  if (CHECK(c)) {
    CHECK_INT(c->server.tls.security_level, CONF_ENCRYPT);
    CHECK_INT(c->server.tls.protocol_version, CONF_TLS12 | CONF_TLS13);
    CHECK_INT(c->server.tls.cipher_suite.n, 9);
    CHECK_INT(c->server.virtual[0].tls.protocol_version, CONF_TLS13);
    CHECK_INT(c->server.virtual[0].tls.security_level, CONF_ENCRYPT);
    const struct toml *list = conf_find(c->tree, "server.tls.protocol_version");
    CHECK(list && list->type == TOML_ARRAY && list->n == 2);
  }
  buf_free(&text);
  buf_free(&faults);
  conf_free(c);
}

TEST(conf_finds_the_users)
{
  struct buf text = BUF_INIT(4096);
  const char *dir = check_folder();
  char passwd[200], group[200];
  snprintf(passwd, sizeof passwd, "%s/passwd", dir);
  snprintf(group, sizeof group, "%s/group", dir);
  FILE *f = fopen(passwd, "w");
  fputs("root:x:0:0::/root:/bin/sh\n:x:1:1::/:/\nbad:x:-1:1::/:/\nbad:x:5\n+nis\n#c\n"
        "bad:x:99999999999:1::/:/\nlong:x:1:1::/:/:x\nnobody:x:65534:65534::/none:/bin/no\n"
        "mail:x:8:12::relative:/x\n",
        f);
  fclose(f);
  f = fopen(group, "w");
  fputs("mail:x:12:\nshort:x\nusers:x:100:a,b\n", f);
  fclose(f);
  struct conf_world world = {str_of(passwd), str_of(group), STR("h.example"), true, {NULL, 0}};
  struct diags d;
  CHECK(diags_init(&d) == 0);
  struct conf *c = conf_parse(STR("/x"), STR("version_requirement='*'\n"), &world, &d);
  if (CHECK(c)) {
    CHECK_STR(c->server.system.user, "nobody");
    CHECK_INT(c->server.system.uid, 65534);
    CHECK_INT(c->server.system.gid, 65534);
    CHECK_INT(d.warnings, 2);
  }
  conf_free(c);
  c = conf_parse(STR("/x"),
                 STR("version_requirement='*'\n[server.system]\nuser='mail'\ngroup='users'\n"
                     "group_local='mail'\n"),
                 &world, &d);
  if (CHECK(c)) {
    CHECK_INT(c->server.system.uid, 8);
    CHECK_INT(c->server.system.gid, 100);
    CHECK_INT(c->server.system.gid_local, 12);
  }
  conf_free(c);
  c = conf_parse(STR("/x"),
                 STR("version_requirement='*'\n[server.system]\nuser='bad'\ngroup='1'\n"), &world,
                 &d);
  CHECK(!c);
  CHECK_INT(d.errors, 1);
  struct passwd_entry entry;
  struct err e;
  CHECK_INT(passwd_uid(str_of(passwd), 8, d.arena, &entry, &e), 0);
  CHECK_STR(entry.home, "");
  CHECK_INT(passwd_uid(str_of(passwd), 7, d.arena, &entry, &e), 1);
  CHECK_INT(passwd_user(str_of(passwd), STR("long"), d.arena, &entry, &e), 1);
  CHECK_INT(passwd_user(STR("/nonexistent"), STR("x"), d.arena, &entry, &e), -1);
  diags_free(&d);
  buf_free(&text);
}

TEST(conf_cross_faults)
{
  conf_faults("[server.interfaces]\naddr = ['127.0.0.1:25']\naddr_submission = ['127.0.0.1:25']\n",
              "warning 6:19 server.interfaces.addr_submission: nobody can log in there without "
              "[server.tls]\n"
              "6:20 server.interfaces.addr_submission: 127.0.0.1:25 is already listened on\n");
  conf_faults("[server.interfaces]\n",
              "4:9 server.interfaces: the server listens nowhere; set addr = [\"0.0.0.0:25\"]\n");
  conf_faults("[server.logs]\nfilepath = '/var/log/vsmtp/app.log'\n",
              "5:12 server.logs.filepath and app.logs.filepath must differ\n");
  conf_faults("[server.dns]\ntype = 'system'\n[server.dns.options]\nrotate = true\n",
              "6:13 dns of type system takes its options from resolv.conf\n");
  conf_faults("[server.dns]\ntype = 'custom'\n",
              "4:9 dns of type custom needs config = { name_servers = [\"192.0.2.53:53\"] }\n");
  conf_faults(
      "[server.dns]\ntype = 'google'\nconfig = {}\n",
      "6:1 config is for dns of type custom only\nwarning 6:10 without name_servers no name "
      "can be resolved\n");
  conf_faults(
      "[server.relay]\nhost = 'a.example:25'\nuser = 'u'\n",
      "4:9 server.relay: user goes with one of password_file, token_file and token_command\n");
}

TEST(conf_token_commands)
{
#define RELAY "[server.relay]\nhost = 'a.example:25'\nuser = 'u'\n"
  struct buf faults = BUF_INIT(1 << 20);
  struct conf *c =
      conf_of(CONF_HEAD RELAY "token_command = ['bin/x', '', ' a ', 'x/y']\n", &faults);
  CHECK_STR(&faults, "");
  if (CHECK(c)) {
    const struct conf_strs *words = &c->server.relay.token_command;
    CHECK_INT(words->n, 4);
    CHECK_STR(words->list[0], "/etc/vsmtp/bin/x"); /* as all paths of the file */
    CHECK_STR(words->list[1], "");
    CHECK_STR(words->list[2], " a ");
    CHECK_STR(words->list[3], "x/y");
    CHECK_INT(c->server.relay.tls, TARGET_TLS_VERIFIED);
  }
  conf_free(c);
  c = conf_of(CONF_HEAD RELAY "token_command = ['oama']\n", &faults);
  CHECK_STR(&faults, "");
  if (CHECK(c)) CHECK_STR(c->server.relay.token_command.list[0], "oama");
  conf_free(c);
  buf_free(&faults);
  conf_faults(RELAY "token_command = '/usr/bin/oama access'\n",
              "7:17 server.relay.token_command wants an array, not a string: program that prints "
              "such a token, [\"/usr/bin/program\", \"argument\"]\n");
  conf_faults(RELAY "token_command = []\n",
              "7:17 server.relay.token_command is empty: program that prints such a token, "
              "[\"/usr/bin/program\", \"argument\"]\n");
  conf_faults(RELAY "token_command = ['', 'x']\n",
              "7:18 server.relay.token_command is empty: program that prints such a token, "
              "[\"/usr/bin/program\", \"argument\"]\n");
  conf_faults(RELAY "token_command = ['x', 1]\n",
              "7:23 server.relay.token_command wants a string, not an integer: program that prints "
              "such a token, [\"/usr/bin/program\", \"argument\"]\n");
  conf_faults(RELAY "token_command = ['x', \"\\u0000\"]\n",
              "7:23 server.relay.token_command holds a NUL\n");
  conf_faults(
      "[server.relay]\nhost = 'a.example:25'\ntoken_command = ['x']\n",
      "4:9 server.relay: user goes with one of password_file, token_file and token_command\n");
  conf_faults(
      RELAY "token_command = ['x']\ntoken_file = '/etc/hosts'\n",
      "7:1 server.relay.token_command: there is a token_file already, and only one is used\n"
      "warning 8:14 server.relay.token_file: everybody on this machine may read or change "
      "/etc/hosts (chmod 640)\n");
  conf_faults("[server.relay]\nhost = 'a.example:25'\ntoken_user = 'x'\n",
              "6:1 server.relay.token_user: there is no token_command to run\n");
#undef RELAY
}

TEST(conf_token_user)
{
  static const struct {
    const char *user, *want;
  } rows[] = {
      {"me", NULL},
      {"you", "server.relay.token_user: there is no user you"},
      {"root", "server.relay.token_user: no command is run as root"},
      {"toor", "server.relay.token_user: no command is run as root"},
  };
  char passwd[400], text[400];
  struct conf_world world = conf_nowhere;
  snprintf(passwd, sizeof passwd, "%s/passwd", check_folder());
  FILE *f = fopen(passwd, "w");
  fprintf(f, "root:x:0:0::/root:\ntoor:x:0:0::/root:\nme:x:1000:1000::/home/me:\n");
  fclose(f);
  world.passwd = str_of(passwd);
  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct diags d;
    CHECK(diags_init(&d) == 0);
    snprintf(text, sizeof text,
             CONF_HEAD "[server.relay]\nhost = 'a.example:25'\nuser = 'u'\n"
                       "token_command = ['x']\ntoken_user = '%s'\n",
             rows[i].user);
    struct conf *c = conf_parse(STR("/x"), str_of(text), &world, &d);
    CHECK_INT(d.errors, rows[i].want ? 1 : 0);
    if (rows[i].want && CHECK_INT(d.n, 1)) CHECK_STR(d.list[0].text, rows[i].want);
    if (rows[i].want && d.n) CHECK_INT(d.list[0].column, 14);
    conf_free(c);
    diags_free(&d);
  }
}

TEST(conf_versions)
{
  static const struct {
    const char *requirement;
    int match;
  } cases[] = {
      {">=1.0.0", 1},
      {">=1.0.0, <2.0.0", 1},
      {"^1.1", 1},
      {"~1.1.2", 1},
      {"*", 1},
      {"1", 1},
      {"1.1.3", 1},
      {"=1.1.3", 1},
      {"=1.1", 1},
      {"1.1.*", 1},
      {"1.x", 1},
      {"1.*.*", 1},
      {">1.1.2", 1},
      {">1.1.3", 0},
      {"> 1", 0},
      {">1.0", 1},
      {">1.1", 0},
      {"<=1.1", 1},
      {"<1.1.3", 0},
      {"<2", 1},
      {"<1", 0},
      {"<=1.1.2", 0},
      {"^0.9", 0},
      {"0.10", 0},
      {"^2", 0},
      {"~1", 1},
      {"~1.0", 0},
      {"~1.1.4", 0},
      {"^1.1.4", 0},
      {"^1.0.0", 1},
      {"2.*", 0},
      {">=1.1.3-rc1", 1},
      {"=1.1.3-rc1", 0},
      {"<1.1.4-a", 1},
      {">=1.1.4-a", 0},
      {">=1.2.0", 0},
      {">=1.0.0,<1.1.0", 0},
      {"= 1.1.3+x", 1},
      {"", -1},
      {"1.", -1},
      {"a", -1},
      {"1.1.3.4", -1},
      {">=", -1},
      {"01.1", -1},
      {"1.-1", -1},
      {">=1.0.0,", -1},
      {"1.1.3-", -1},
      {"99999999999999999999", -1},
      {"1 2", -1},
      {"1.*.3", -1},
      {"=>1", -1},
  };
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    int got = conf_version_match(str_of(cases[i].requirement), STR("1.1.3"));
    if (!CHECK_INT(got, cases[i].match)) printf("     %s\n", cases[i].requirement);
  }
}

/* In the commented example "# text" is prose and "#key" a key that stands for its default. */
static void conf_uncomment(struct buf *text)
{
  for (size_t i = 0; i < text->n; i++)
    if (text->p[i] == '#' && (i == 0 || text->p[i - 1] == '\n') && text->p[i + 1] != '\n' &&
        (text->p[i + 1] != ' ' || text->p[i + 2] == ' '))
      text->p[i] = ' ';
}

TEST(conf_example_shows_every_key)
{
  struct buf text = BUF_INIT(0);
  struct err e;
  struct diags d;
  if (!CHECK(file_read(STR("rules/examples/vsmtp.toml"), 1 << 20, &text, &e) == 0)) return;
  CHECK(diags_init(&d) == 0);
  struct conf *c = conf_parse(STR("/x"), buf_str(&text), &conf_nowhere, &d);
  CHECK_INT(d.n, 0);
  CHECK(c && c->server.smtp.rcpt_count_max == 1000);
  conf_free(c);
  conf_uncomment(&text);
  for (ptrdiff_t at; (at = str_find(buf_str(&text), STR("\"/etc/"))) >= 0;)
    text.p[at + 2] = 'x'; /* what is there is the machine's own */
  struct toml *root = toml_parse(d.arena, STR("x"), buf_str(&text), &d);
  diags_print(&d, stdout);
  if (!CHECK(root)) goto out;
  struct toml *domain = conf_find(root, "server.virtual");
  if (CHECK(domain && domain->n == 1)) domain->child->key = STR("*");
  for (size_t i = 0; i < conf_key_count; i++)
    if (!CHECK(conf_find(root, conf_keys[i].path))) printf("     %s\n", conf_keys[i].path);
  conf_free(conf_parse(STR("/x"), buf_str(&text), &conf_nowhere, &d));
  for (size_t i = 0; i < d.n;
       i++) { /* nothing but files that are not there, and too many secrets */
    str said = d.list[i].text;
    if (d.list[i].warning || str_find(said, STR("cannot open /nonexistent")) > 0) continue;
    if (!CHECK(str_find(said, STR("cannot read /")) > 0 ||
               str_find(said, STR("only one is used")) > 0))
      printf("     " STR_FMT "\n", STR_ARG(said));
  }
out:
  diags_free(&d);
  buf_free(&text);
}

static void conf_torture_work(void)
{
  struct diags d = {0};
  if (diags_init(&d) == 0)
    conf_free(conf_parse(STR("/x.toml"), str_of(conf_forms), &conf_nowhere, &d));
  diags_free(&d);
}

static void conf_torture_token(void)
{
  struct diags d = {0};
  if (diags_init(&d) == 0)
    conf_free(conf_parse(STR("/x.toml"),
                         STR(CONF_HEAD "[server.relay]\nhost = 'a.example:25'\nuser = 'u'\n"
                                       "token_command = ['bin/x', 'y']\ntoken_user = 'z'\n"),
                         &conf_nowhere, &d));
  diags_free(&d);
}

TEST(conf_survives_failing_memory)
{
  check_torture(conf_torture_work);
  check_torture(conf_torture_token);
}

TEST(conf_state_folder_of_somebody_who_is_not_root)
{
  struct conf_world world = conf_nowhere;
  struct diags d;
  CHECK(diags_init(&d) == 0);
  world.state = STR("/home/me/.local/state/vsmtp");
  struct conf *c = conf_parse(STR("/x"), STR("version_requirement='*'\n"), &world, &d);
  if (CHECK(c)) {
    CHECK_STR(c->server.queues.dirpath, "/home/me/.local/state/vsmtp");
    CHECK_STR(c->app.dirpath, "/home/me/.local/state/vsmtp/app");
  }
  conf_free(c);
  c = conf_parse(STR("/x"), STR("version_requirement='*'\n[server.queues]\ndirpath='/q'\n"), &world,
                 &d);
  if (CHECK(c)) CHECK_STR(c->server.queues.dirpath, "/q");
  conf_free(c);
  diags_free(&d);
}
