-- Stands in for the functions and catalogues of Citus with which tables are distributed: it
-- refuses what Citus documents that it refuses, and keeps what was asked of it. Nothing is
-- distributed, no statement is planned, and no row goes anywhere.

CREATE SCHEMA citus;

CREATE TYPE citus.distribution_type AS ENUM ('hash', 'range', 'append');

CREATE TABLE citus.pg_dist_partition (
    logicalrelid REGCLASS NOT NULL UNIQUE,
    partmethod "char" NOT NULL,
    partkey TEXT,
    colocationid INTEGER NOT NULL,
    repmodel "char" NOT NULL
);

ALTER TABLE citus.pg_dist_partition SET SCHEMA pg_catalog;

CREATE TABLE citus.asked (
    number INTEGER GENERATED ALWAYS AS IDENTITY,
    call TEXT NOT NULL
);

-- In Citus a key is a parse tree; here it is the column's name.
CREATE FUNCTION column_to_column_name(table_name REGCLASS, column_var TEXT) RETURNS TEXT
LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(column_var, '') = '' THEN
        RAISE EXCEPTION 'not a valid column';
    END IF;
    RETURN column_var;
END
$$;

CREATE FUNCTION citus.refuse_what_cannot_be(asked REGCLASS) RETURNS VOID
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = asked) THEN
        RAISE EXCEPTION 'table "%" is already distributed', asked
            USING ERRCODE = 'invalid_table_definition';
    END IF;
    IF EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = asked AND NOT tgisinternal) THEN
        RAISE EXCEPTION 'cannot distribute relation "%" because it has triggers', asked;
    END IF;
    IF EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE contype = 'f' AND asked IN (conrelid, confrelid)
    ) THEN
        RAISE EXCEPTION 'cannot create foreign key constraint';
    END IF;
END
$$;

CREATE FUNCTION create_distributed_table(
    table_name REGCLASS,
    distribution_column TEXT,
    distribution_type citus.distribution_type DEFAULT 'hash',
    colocate_with TEXT DEFAULT 'default',
    shard_count INTEGER DEFAULT NULL
) RETURNS VOID
LANGUAGE plpgsql AS $$
DECLARE
    key pg_attribute;
    beside RECORD;
    colocation INTEGER;
BEGIN
    PERFORM citus.refuse_what_cannot_be(table_name);
    SELECT * INTO key FROM pg_attribute
    WHERE attrelid = table_name AND attname = distribution_column AND attnum > 0;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" of relation "%" does not exist', distribution_column, table_name
            USING ERRCODE = 'undefined_column';
    END IF;
    IF key.attgenerated <> '' THEN
        RAISE EXCEPTION 'cannot distribute relation: %', table_name
            USING DETAIL = 'Distribution column must not use GENERATED ALWAYS AS (...) STORED.';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM pg_opclass JOIN pg_am ON pg_am.oid = opcmethod
        WHERE amname = 'hash' AND opcdefault AND opcintype = key.atttypid
    ) THEN
        RAISE EXCEPTION 'could not identify a hash function for type %', key.atttypid::regtype;
    END IF;
    IF EXISTS (
        SELECT 1 FROM pg_index
        WHERE indrelid = table_name AND (indisunique OR indisexclusion)
          AND key.attnum <> ALL (indkey::int2[])
    ) THEN
        RAISE EXCEPTION 'cannot create constraint on "%"', table_name
            USING DETAIL = 'Distributed relations cannot have UNIQUE, EXCLUDE, or PRIMARY KEY '
                'constraints that do not include the partition column (with an equality '
                'operator if EXCLUDE).';
    END IF;
    IF colocate_with = 'none' THEN
        SELECT coalesce(max(colocationid), 0) + 1 INTO colocation FROM pg_dist_partition;
    ELSE
        SELECT colocationid, atttypid, attcollation INTO beside
        FROM pg_dist_partition
        JOIN pg_attribute ON attrelid = logicalrelid AND attname = partkey
        WHERE logicalrelid = colocate_with::regclass AND partmethod = 'h';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'relation % is not distributed', colocate_with;
        END IF;
        IF beside.atttypid <> key.atttypid OR beside.attcollation <> key.attcollation THEN
            RAISE EXCEPTION 'cannot colocate tables % and %', colocate_with, table_name
                USING DETAIL = 'Distribution column types or collations don''t match.';
        END IF;
        colocation := beside.colocationid;
    END IF;
    INSERT INTO pg_dist_partition VALUES (table_name, 'h', distribution_column, colocation, 's');
    INSERT INTO citus.asked (call) VALUES (
        format('distributed %s by %s beside %s', table_name, distribution_column, colocate_with)
    );
END
$$;

CREATE FUNCTION create_reference_table(table_name REGCLASS) RETURNS VOID
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM citus.refuse_what_cannot_be(table_name);
    INSERT INTO pg_dist_partition VALUES (table_name, 'n', NULL, -1, 't');
    INSERT INTO citus.asked (call) VALUES (format('reference %s', table_name));
END
$$;

-- In Citus the rows are in the shards by then. Here this table is all there is, so they stay.
CREATE FUNCTION truncate_local_data_after_distributing_table(function_name REGCLASS) RETURNS VOID
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = function_name) THEN
        RAISE EXCEPTION 'supplied parameter is not a distributed relation';
    END IF;
    INSERT INTO citus.asked (call) VALUES (format('truncated %s', function_name));
END
$$;
