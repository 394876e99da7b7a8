/* smtp/cli/cli.h: the commands of the command line. */
#ifndef SMTP_CLI_H
#define SMTP_CLI_H

/* ---- smtp ---------------------------------------------------------------------------------------
 * The door of smtp/, seen by vsmtp.c alone: the commands of the command line.
 *
 * Each takes what stands behind the command, argv[0] being the command itself, and returns the exit
 * code of the process (sysexits.h). Data goes to standard output, everything else to standard
 * error. */
int cli_check(int argc, char **argv);       /* read everything, start nothing */
int cli_config_show(int argc, char **argv); /* the loaded configuration as JSON */
int cli_config_diff(int argc, char **argv); /* what differs from the defaults */
int cli_eval(int argc, char **argv);        /* run a script that needs no mail */
int cli_queue(int argc, char **argv);
int cli_quarantine(int argc, char **argv);
int cli_user(int argc, char **argv);     /* accounts */
int cli_explain(int argc, char **argv);  /* every decision about a message */
int cli_vqueue(int argc, char **argv);   /* the original's command of that name */
int cli_sendmail(int argc, char **argv); /* leaves a mail for the server, up or down */
int cli_init(int argc, char **argv);     /* a configuration to start from */
int cli_spf(int argc, char **argv);      /* what SPF says of a client */
int cli_version(int argc, char **argv);

#endif
