"""The tables of jobs. Statements are run at every start, so each says `IF NOT EXISTS`; a change is a new statement."""

from __future__ import annotations

STATEMENTS = (
    # `key` is the digest of an Idempotency-Key, `asked` that of the body it came with. `bytes` is what the job holds.
    """CREATE TABLE IF NOT EXISTS precis_jobs (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, state TEXT NOT NULL,
        total INTEGER NOT NULL, done INTEGER NOT NULL, failed INTEGER NOT NULL, bytes INTEGER NOT NULL,
        created REAL NOT NULL, started REAL, finished REAL, expires REAL, retain_s REAL NOT NULL,
        key TEXT, asked TEXT, enqueued INTEGER NOT NULL DEFAULT 0, error TEXT,
        webhook_url TEXT, webhook_state TEXT, webhook_attempts INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE UNIQUE INDEX IF NOT EXISTS precis_jobs_by_key ON precis_jobs (owner, key)",
    "CREATE INDEX IF NOT EXISTS precis_jobs_by_owner ON precis_jobs (owner, id)",
    "CREATE INDEX IF NOT EXISTS precis_jobs_by_state ON precis_jobs (state, enqueued)",
    "CREATE INDEX IF NOT EXISTS precis_jobs_by_webhook ON precis_jobs (webhook_state, enqueued)",
    "CREATE INDEX IF NOT EXISTS precis_jobs_by_expiry ON precis_jobs (expires)",
    """CREATE TABLE IF NOT EXISTS precis_job_items (
        job TEXT NOT NULL REFERENCES precis_jobs (id) ON DELETE CASCADE, place INTEGER NOT NULL,
        name TEXT, task TEXT NOT NULL, request TEXT NOT NULL, PRIMARY KEY (job, place)
    )""",
    # An item that was refused at submission has a result and no row among the items.
    """CREATE TABLE IF NOT EXISTS precis_job_results (
        job TEXT NOT NULL REFERENCES precis_jobs (id) ON DELETE CASCADE, place INTEGER NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (job, place)
    )""",
    # `epoch` counts who has taken a slice over: whoever holds an older one can no longer write.
    """CREATE TABLE IF NOT EXISTS precis_job_slices (
        job TEXT NOT NULL REFERENCES precis_jobs (id) ON DELETE CASCADE, number INTEGER NOT NULL,
        first INTEGER NOT NULL, behind INTEGER NOT NULL, epoch INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (job, number)
    )""",
    """CREATE TABLE IF NOT EXISTS precis_workers (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, started REAL NOT NULL,
        beat REAL NOT NULL
    )""",
)
