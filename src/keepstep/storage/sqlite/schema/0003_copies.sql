-- The copy of another store that is being made in this one: one row while it is unfinished, and
-- the store is opened for that copy alone. It changes in the transaction of the rows it counts.
CREATE TABLE copies (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    source TEXT NOT NULL,
    run TEXT NOT NULL,
    progress BLOB NOT NULL
) WITHOUT ROWID;
