package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// applicationID marks a file as a history: "auth" in ASCII.
const applicationID = 0x61757468

// migrations lead from each version of the schema to the next; the first one from an
// empty file. One that has been released is never changed.
var migrations = []string{schema1}

// schema1 has tables, whose names are in the singular and which may change with a
// version, and views, whose names are in the plural and which are what docs/history.md
// promises.
const schema1 = `
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

CREATE TABLE tagset (
	id INTEGER PRIMARY KEY, check_id INTEGER NOT NULL, tags TEXT NOT NULL,
	UNIQUE (check_id, tags)
);
CREATE TABLE tag (
	key TEXT NOT NULL, value TEXT NOT NULL, tagset_id INTEGER NOT NULL,
	PRIMARY KEY (key, value, tagset_id)
) WITHOUT ROWID;
CREATE INDEX tag_of ON tag (tagset_id);

CREATE TABLE run (
	id INTEGER PRIMARY KEY, check_id INTEGER NOT NULL, seq INTEGER NOT NULL,
	start_us INTEGER NOT NULL, lag_us INTEGER NOT NULL, took_us INTEGER NOT NULL,
	outcome INTEGER NOT NULL, flags INTEGER NOT NULL,
	step_id INTEGER, reason_id INTEGER, account_id INTEGER, tagset_id INTEGER, group_id INTEGER,
	trace BLOB, evidence REAL NOT NULL, detail TEXT
);
CREATE INDEX run_check ON run (check_id, id, outcome);
CREATE INDEX run_account ON run (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX run_tagset ON run (tagset_id, id) WHERE tagset_id IS NOT NULL;
CREATE INDEX run_group ON run (group_id, id) WHERE group_id IS NOT NULL;
CREATE INDEX bad ON run (outcome, id) WHERE outcome > 0;
CREATE INDEX bad_check ON run (check_id, outcome, id) WHERE outcome > 0;
CREATE INDEX bad_reason ON run (reason_id, id) WHERE reason_id IS NOT NULL;
CREATE INDEX bad_check_reason ON run (check_id, reason_id, id) WHERE reason_id IS NOT NULL;
CREATE INDEX bad_account ON run (account_id, outcome, id) WHERE outcome > 0;
CREATE INDEX bad_tagset ON run (tagset_id, outcome, id) WHERE outcome > 0;

CREATE TABLE step (
	run_id INTEGER NOT NULL, n INTEGER NOT NULL, cleanup INTEGER NOT NULL, name_id INTEGER NOT NULL,
	start_us INTEGER NOT NULL, took_us INTEGER NOT NULL,
	resolve_us INTEGER NOT NULL, connect_us INTEGER NOT NULL, tls_us INTEGER NOT NULL,
	processing_us INTEGER NOT NULL, transfer_us INTEGER NOT NULL,
	skipped INTEGER NOT NULL, reason_id INTEGER, detail TEXT, request TEXT,
	status INTEGER NOT NULL, remote TEXT, attempts INTEGER NOT NULL, polls INTEGER NOT NULL,
	delivery_us INTEGER NOT NULL, repeat TEXT, propagation_us INTEGER NOT NULL, sent TEXT, exchange TEXT,
	PRIMARY KEY (run_id, n)
);

CREATE TABLE change (
	id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, check_id INTEGER NOT NULL,
	was TEXT NOT NULL, now TEXT NOT NULL, cause TEXT NOT NULL, evidence REAL NOT NULL,
	failed INTEGER NOT NULL, runs INTEGER NOT NULL, blame TEXT,
	step_id INTEGER, reason_id INTEGER, run_id INTEGER
);
CREATE INDEX change_at ON change (at_us, id);
CREATE INDEX change_check ON change (check_id, at_us, id);

CREATE TABLE bucket (
	check_id INTEGER NOT NULL, width INTEGER NOT NULL, at INTEGER NOT NULL,
	passed INTEGER NOT NULL, failed INTEGER NOT NULL, errored INTEGER NOT NULL, aborted INTEGER NOT NULL, missed INTEGER NOT NULL,
	evidence REAL NOT NULL, evidence_last REAL NOT NULL, longest_us INTEGER NOT NULL, took BLOB NOT NULL,
	PRIMARY KEY (check_id, width, at)
) WITHOUT ROWID;
CREATE INDEX bucket_at ON bucket (width, at);

CREATE TABLE step_bucket (
	check_id INTEGER NOT NULL, width INTEGER NOT NULL, at INTEGER NOT NULL, step_id INTEGER NOT NULL,
	failed INTEGER NOT NULL, longest_us INTEGER NOT NULL, took BLOB NOT NULL,
	PRIMARY KEY (check_id, width, at, step_id)
) WITHOUT ROWID;
CREATE INDEX step_bucket_at ON step_bucket (width, at);

CREATE TABLE cause (
	check_id INTEGER NOT NULL, width INTEGER NOT NULL, at INTEGER NOT NULL,
	tagset_id INTEGER NOT NULL, step_id INTEGER NOT NULL, reason_id INTEGER NOT NULL, n INTEGER NOT NULL,
	PRIMARY KEY (check_id, width, at, tagset_id, step_id, reason_id)
) WITHOUT ROWID;
CREATE INDEX cause_at ON cause (width, at);
CREATE INDEX cause_tagset ON cause (tagset_id);

CREATE TABLE missed (
	check_id INTEGER NOT NULL, at INTEGER NOT NULL, reason_id INTEGER NOT NULL, n INTEGER NOT NULL,
	PRIMARY KEY (check_id, at, reason_id)
) WITHOUT ROWID;
CREATE INDEX missed_at ON missed (at);

CREATE TABLE state (check_id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, snapshot TEXT NOT NULL);

CREATE VIEW runs AS
SELECT r.id, c.text AS check_name, r.seq,
	strftime('%Y-%m-%dT%H:%M:%fZ', (r.start_us - r.lag_us) / 1e6, 'unixepoch') AS due,
	strftime('%Y-%m-%dT%H:%M:%fZ', r.start_us / 1e6, 'unixepoch') AS started,
	r.took_us / 1e3 AS took_ms,
	CASE r.outcome WHEN 0 THEN 'passed' WHEN 1 THEN 'failed' WHEN 2 THEN 'errored' ELSE 'aborted' END AS outcome,
	s.text AS step, y.text AS reason, r.detail, a.text AS account, t.tags, lower(hex(r.trace)) AS trace_id,
	r.evidence, r.flags & 1 AS confirm, (r.flags & 2) / 2 AS counted
FROM run r JOIN name c ON c.id = r.check_id
LEFT JOIN name s ON s.id = r.step_id LEFT JOIN name y ON y.id = r.reason_id
LEFT JOIN name a ON a.id = r.account_id LEFT JOIN tagset t ON t.id = r.tagset_id;

CREATE VIEW steps AS
SELECT s.run_id, s.n, s.cleanup, m.text AS name, s.start_us / 1e3 AS start_ms, s.took_us / 1e3 AS took_ms,
	s.resolve_us / 1e3 AS resolve_ms, s.connect_us / 1e3 AS connect_ms, s.tls_us / 1e3 AS tls_ms,
	s.processing_us / 1e3 AS processing_ms, s.transfer_us / 1e3 AS transfer_ms,
	s.skipped, y.text AS reason, s.detail, s.request, s.status, s.remote, s.attempts, s.polls,
	s.delivery_us / 1e3 AS delivery_ms, s.repeat, s.propagation_us / 1e3 AS propagation_ms, s.exchange
FROM step s JOIN name m ON m.id = s.name_id LEFT JOIN name y ON y.id = s.reason_id;

CREATE VIEW changes AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', x.at_us / 1e6, 'unixepoch') AS at, c.text AS check_name, x.was, x.now, x.cause,
	x.evidence, x.failed, x.runs, x.blame, s.text AS step, y.text AS reason, x.run_id
FROM change x JOIN name c ON c.id = x.check_id
LEFT JOIN name s ON s.id = x.step_id LEFT JOIN name y ON y.id = x.reason_id;

CREATE VIEW misses AS
SELECT strftime('%Y-%m-%dT%H:%MZ', m.at, 'unixepoch') AS minute, c.text AS check_name, y.text AS reason, m.n
FROM missed m JOIN name c ON c.id = m.check_id JOIN name y ON y.id = m.reason_id;

CREATE VIEW hours AS
SELECT strftime('%Y-%m-%dT%H:00Z', b.at, 'unixepoch') AS hour, c.text AS check_name,
	b.passed, b.failed, b.errored, b.aborted, b.missed, b.evidence
FROM bucket b JOIN name c ON c.id = b.check_id WHERE b.width = 3600;
`

// errNewer is the error of a file that a later version has written.
var errNewer = errors.New("it is of a later version")

// errForeign is the error of a database that is none of ours.
var errForeign = errors.New("it is a database of something else")

// migrate brings the schema to the newest version. Each step is one transaction, so
// that a crash leaves a version or the next.
func migrate(ctx context.Context, db *sql.DB) error {
	version, err := versionOf(ctx, db)
	if err != nil {
		return err
	}
	for ; version < len(migrations); version++ {
		if err := migrateOnce(ctx, db, version); err != nil {
			return fmt.Errorf("migrating the history from version %d: %w", version, err)
		}
	}
	return nil
}

// versionOf is the version of the schema; 0 of an empty file.
func versionOf(ctx context.Context, db *sql.DB) (version int, err error) {
	var id, tables int
	for query, to := range map[string]*int{
		"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := db.QueryRowContext(ctx, query).Scan(to); err != nil {
			return 0, fmt.Errorf("reading the history: %w", err)
		}
	}
	switch {
	case id != applicationID && (tables > 0 || version != 0 || id != 0):
		return 0, errForeign
	case version > len(migrations):
		return 0, errNewer
	}
	return version, nil
}

func migrateOnce(ctx context.Context, db *sql.DB, version int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it is none
	if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
		return err
	}
	mark := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version+1)
	if _, err := tx.ExecContext(ctx, mark); err != nil {
		return err
	}
	return tx.Commit()
}
