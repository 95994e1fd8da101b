-- The copy of another store that is being made in this one: one row while it is unfinished, and
-- the store is opened for that copy alone. It changes in the transaction of the rows it counts.
CREATE TABLE copies (
    one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    source TEXT NOT NULL,
    run TEXT NOT NULL,
    progress BYTEA NOT NULL
);
