/* smtp/smtp.h: the door of smtp/, seen by vsmtp.c alone: the verbs of the command line.
 *
 * Each takes what stands behind the verb, argv[0] being the verb itself, and returns the exit code
 * of the process (sysexits.h). Data goes to standard output, everything else to standard error.
 */
#ifndef SMTP_SMTP_H
#define SMTP_SMTP_H

int verb_check(int argc, char **argv);       /* read everything, start nothing */
int verb_config_show(int argc, char **argv); /* the loaded configuration as JSON */
int verb_config_diff(int argc, char **argv); /* what differs from the defaults */
int verb_eval(int argc, char **argv);        /* run a script that needs no mail */
int verb_queue(int argc, char **argv);
int verb_quarantine(int argc, char **argv);
int verb_user(int argc, char **argv);     /* accounts */
int verb_explain(int argc, char **argv);  /* every decision about a message */
int verb_vqueue(int argc, char **argv);   /* the original's command of that name */
int verb_sendmail(int argc, char **argv); /* leaves a mail for the server, up or down */
int verb_init(int argc, char **argv);     /* a configuration to start from */
int verb_spf(int argc, char **argv);      /* what SPF says of a client */
int verb_version(int argc, char **argv);

#endif
