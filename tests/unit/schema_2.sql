-- What version 2 made, without its comments.

CREATE TABLE message(
  id TEXT NOT NULL PRIMARY KEY,
  key INTEGER NOT NULL,           -- of its body rows: a multiple of 1048576, its own
  place TEXT NOT NULL,            -- the table above
  came_from TEXT NOT NULL,        -- place a person took it from; '' once the server saw that
  since INTEGER NOT NULL,         -- when it came to this place: keep.dead and keep.quarantine count
  received_at INTEGER NOT NULL,
  client_ip TEXT NOT NULL,
  helo TEXT NOT NULL,
  mail_from TEXT NOT NULL,        -- '' is the null sender
  auth_user TEXT NOT NULL,
  subject TEXT NOT NULL,
  size INTEGER NOT NULL,          -- octets of header and body
  octets INTEGER NOT NULL,        -- of the body
  chunks INTEGER NOT NULL,
  stage TEXT NOT NULL,            -- who put it into quarantine, and why
  rule TEXT NOT NULL,
  reason TEXT NOT NULL,
  step INTEGER NOT NULL,          -- smtp's own: where the rules go on; 0: from the start of postq
  last_reply TEXT NOT NULL,
  context BLOB NOT NULL           -- smtp's own: facts about the connection for later rules
) WITHOUT ROWID;

CREATE INDEX message_place ON message(place)
  WHERE place = 'working' OR place = 'delegated' OR place = '';

CREATE TABLE rcpt(
  id TEXT NOT NULL,               -- of the message
  n INTEGER NOT NULL,             -- from 1
  address TEXT NOT NULL,
  original TEXT NOT NULL,         -- as the client gave it; '' if the same
  transport TEXT NOT NULL,        -- deliver forward mbox maildir none
  target TEXT NOT NULL,
  status TEXT NOT NULL,           -- pending done failed removed
  attempts INTEGER NOT NULL,
  next_at INTEGER,
  last_reply TEXT NOT NULL,
  dsn TEXT NOT NULL DEFAULT '',   -- smtp's own: NOTIFY= and ORCPT= as the client gave them
  warned INTEGER NOT NULL DEFAULT 0, -- 1: the sender was told that it takes long
  PRIMARY KEY(id, n)
) WITHOUT ROWID;

CREATE INDEX rcpt_due ON rcpt(next_at) WHERE next_at IS NOT NULL;

CREATE TABLE body(
  at INTEGER PRIMARY KEY,         -- message.key + number
  octets BLOB NOT NULL
);

CREATE TABLE loose(
  key INTEGER PRIMARY KEY         -- being received, or to be deleted
);

CREATE TABLE decision(
  id TEXT NOT NULL,
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  stage TEXT NOT NULL,
  directive TEXT NOT NULL,
  kind TEXT NOT NULL,             -- rule action delegate delivery server
  status TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY(id, n)
) WITHOUT ROWID;

CREATE TABLE refused(             -- decisions of sessions that left no message: the newest 1000
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  stage TEXT NOT NULL,
  directive TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  detail TEXT NOT NULL
);

CREATE TABLE account(             -- vsmtp user: who may log in
  name TEXT PRIMARY KEY,
  verifier TEXT NOT NULL,         -- SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY, RFC 5803
  made_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE secret(              -- keys the server made for itself
  name TEXT PRIMARY KEY,          -- srs, srs.previous, accounts
  value BLOB NOT NULL,
  made_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE dropped(             -- files of the drop folder that are messages by now
  name TEXT PRIMARY KEY,
  id TEXT NOT NULL,               -- of the message
  at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE VIEW queue AS
SELECT m.id AS id,
  CASE WHEN m.place = 'deliver' AND (SELECT min(next_at) FROM rcpt WHERE id = m.id)
            > CAST(strftime('%s', 'now') AS INTEGER) * 1000 + 999
       THEN 'deferred' ELSE m.place END AS queue,
  strftime('%Y-%m-%dT%H:%M:%SZ', m.received_at / 1000, 'unixepoch') AS received_at,
  m.client_ip AS client_ip,
  m.helo AS helo,
  m.mail_from AS mail_from,
  m.auth_user AS auth_user,
  m.subject AS subject,
  m.size AS size,
  (SELECT count(*) FROM rcpt WHERE id = m.id) AS rcpt_total,
  (SELECT count(*) FROM rcpt WHERE id = m.id AND status = 'pending') AS rcpt_left,
  (SELECT ifnull(max(attempts), 0) FROM rcpt WHERE id = m.id) AS attempts,
  strftime('%Y-%m-%dT%H:%M:%SZ', (SELECT min(next_at) FROM rcpt WHERE id = m.id) / 1000,
           'unixepoch') AS next_attempt_at,
  CASE WHEN m.last_reply <> '' THEN m.last_reply
       ELSE ifnull((SELECT last_reply FROM rcpt WHERE id = m.id AND last_reply <> ''
                    ORDER BY attempts DESC, n LIMIT 1), '') END AS last_reply
FROM message AS m
WHERE m.place IN ('working', 'delegated', 'deliver', 'dead');

CREATE VIEW recipient AS
SELECT r.id AS id, r.address AS address, r.transport AS transport, r.target AS target,
  r.status AS status, r.attempts AS attempts,
  strftime('%Y-%m-%dT%H:%M:%SZ', r.next_at / 1000, 'unixepoch') AS next_attempt_at,
  r.last_reply AS last_reply
FROM rcpt AS r
WHERE (SELECT place FROM message WHERE id = r.id) <> '';

CREATE VIEW quarantine AS
SELECT m.id AS id, m.place AS queue,
  strftime('%Y-%m-%dT%H:%M:%SZ', m.received_at / 1000, 'unixepoch') AS received_at,
  m.client_ip AS client_ip,
  m.helo AS helo,
  m.mail_from AS mail_from,
  (SELECT ifnull(group_concat(address, ','), '') FROM
    (SELECT address FROM rcpt WHERE id = m.id ORDER BY n)) AS rcpt_to,
  m.subject AS subject,
  m.size AS size,
  m.stage AS stage,
  m.rule AS rule,
  m.reason AS reason
FROM message AS m
WHERE m.place NOT IN ('working', 'delegated', 'deliver', 'dead', '');

CREATE VIEW mail AS
SELECT m.id AS id,
  CASE WHEN m.place = 'deliver' AND (SELECT min(next_at) FROM rcpt WHERE id = m.id)
            > CAST(strftime('%s', 'now') AS INTEGER) * 1000 + 999
       THEN 'deferred' ELSE m.place END AS queue,
  (SELECT CAST(ifnull(group_concat(octets, ''), '') AS BLOB) FROM
    (SELECT octets FROM body WHERE at >= m.key AND at < m.key + 1048576 ORDER BY at)) AS message
FROM message AS m
WHERE m.place <> '';

CREATE VIEW trace AS
SELECT id, strftime('%Y-%m-%dT%H:%M:%SZ', at / 1000, 'unixepoch') AS at, stage, directive, kind,
  status, detail
FROM decision
UNION ALL
SELECT id, strftime('%Y-%m-%dT%H:%M:%SZ', at / 1000, 'unixepoch'), stage, directive, kind,
  status, detail
FROM refused;

CREATE TRIGGER quarantine_update INSTEAD OF UPDATE ON quarantine
BEGIN
  SELECT RAISE(ABORT, 'of a message in quarantine only the column queue can be changed')
  WHERE NEW.id IS NOT OLD.id OR NEW.received_at IS NOT OLD.received_at
     OR NEW.client_ip IS NOT OLD.client_ip OR NEW.helo IS NOT OLD.helo
     OR NEW.mail_from IS NOT OLD.mail_from OR NEW.rcpt_to IS NOT OLD.rcpt_to
     OR NEW.subject IS NOT OLD.subject OR NEW.size IS NOT OLD.size
     OR NEW.stage IS NOT OLD.stage OR NEW.rule IS NOT OLD.rule
     OR NEW.reason IS NOT OLD.reason;
  SELECT RAISE(ABORT,
    'a message in quarantine can go to deliver or to another quarantine, not to another queue')
  WHERE NEW.queue <> 'deliver' AND lower(NEW.queue) IN
    ('incoming', '(incoming)', 'working', 'delegated', 'deliver', 'deferred', 'dead');
  SELECT RAISE(ABORT,
    'the name of a quarantine is a text of 1 to 128 characters without control characters')
  WHERE typeof(NEW.queue) <> 'text' OR length(NEW.queue) NOT BETWEEN 1 AND 128
     OR length(CAST(NEW.queue AS BLOB)) > 512
     OR NEW.queue GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
     OR instr(CAST(NEW.queue AS BLOB), x'00') > 0;
  UPDATE message SET
    place = CASE WHEN NEW.queue = 'deliver' AND NOT EXISTS
                 (SELECT 1 FROM rcpt WHERE id = OLD.id AND status = 'pending')
            THEN 'dead' ELSE NEW.queue END,
    last_reply = CASE WHEN NEW.queue = 'deliver' AND NOT EXISTS
                 (SELECT 1 FROM rcpt WHERE id = OLD.id AND status = 'pending')
            THEN 'released, but no recipient is pending' ELSE last_reply END,
    came_from = OLD.queue,
    since = CAST(strftime('%s', 'now') AS INTEGER) * 1000
  WHERE id = OLD.id AND NEW.queue <> OLD.queue;
  UPDATE rcpt SET next_at = CAST(strftime('%s', 'now') AS INTEGER) * 1000
  WHERE id = OLD.id AND status = 'pending' AND NEW.queue = 'deliver';
END;

CREATE TRIGGER quarantine_delete INSTEAD OF DELETE ON quarantine
BEGIN
  UPDATE message SET place = '', came_from = OLD.queue,
    since = CAST(strftime('%s', 'now') AS INTEGER) * 1000
  WHERE id = OLD.id;
END;

CREATE TRIGGER quarantine_insert INSTEAD OF INSERT ON quarantine
BEGIN
  SELECT RAISE(ABORT, 'nothing can be inserted into quarantine: rules put messages there');
END;

CREATE TRIGGER queue_update INSTEAD OF UPDATE ON queue
BEGIN
  SELECT RAISE(ABORT, 'the view queue is read only: use vsmtp queue move, hold or retry');
END;
CREATE TRIGGER queue_delete INSTEAD OF DELETE ON queue
BEGIN
  SELECT RAISE(ABORT, 'the view queue is read only: use vsmtp queue remove');
END;
CREATE TRIGGER queue_insert INSTEAD OF INSERT ON queue
BEGIN
  SELECT RAISE(ABORT, 'the view queue is read only: mail comes in by SMTP');
END;

CREATE TRIGGER recipient_update INSTEAD OF UPDATE ON recipient
BEGIN
  SELECT RAISE(ABORT, 'the view recipient is read only');
END;
CREATE TRIGGER recipient_delete INSTEAD OF DELETE ON recipient
BEGIN
  SELECT RAISE(ABORT, 'the view recipient is read only');
END;
CREATE TRIGGER recipient_insert INSTEAD OF INSERT ON recipient
BEGIN
  SELECT RAISE(ABORT, 'the view recipient is read only');
END;

CREATE TRIGGER trace_update INSTEAD OF UPDATE ON trace
BEGIN
  SELECT RAISE(ABORT, 'the view trace is read only');
END;
CREATE TRIGGER trace_delete INSTEAD OF DELETE ON trace
BEGIN
  SELECT RAISE(ABORT, 'the view trace is read only');
END;
CREATE TRIGGER trace_insert INSTEAD OF INSERT ON trace
BEGIN
  SELECT RAISE(ABORT, 'the view trace is read only');
END;
