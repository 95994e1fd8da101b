-- A database of schema 3, as keepstep 0.1.0 wrote it.
--
-- PostgreSQL database dump
--


-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: access_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.access_keys (
    access_key_id text NOT NULL COLLATE pg_catalog."C",
    sealed_secret bytea NOT NULL,
    description bytea NOT NULL,
    read_only boolean NOT NULL,
    creation_date bigint NOT NULL,
    revoked boolean DEFAULT false NOT NULL
);


--
-- Name: bulk_publishes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.bulk_publishes (
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    start_date bigint NOT NULL,
    complete_date bigint,
    failure_message bytea,
    position_identity_id text NOT NULL COLLATE pg_catalog."C",
    position_dataset_name bytea NOT NULL,
    version bigint NOT NULL
);


--
-- Name: consumed_sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.consumed_sessions (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    session_id bytea NOT NULL,
    expires_at bigint NOT NULL
);


--
-- Name: copies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.copies (
    one boolean DEFAULT true NOT NULL,
    source text NOT NULL,
    run text NOT NULL,
    progress bytea NOT NULL,
    CONSTRAINT copies_one_check CHECK (one)
);


--
-- Name: dataset_counts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.dataset_counts (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    live bigint NOT NULL
);


--
-- Name: datasets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.datasets (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    dataset_name text NOT NULL COLLATE pg_catalog."C",
    sync_count bigint NOT NULL,
    deleted_sync_count bigint NOT NULL,
    creation_date bigint,
    last_modified_date bigint NOT NULL,
    last_modified_by bytea,
    data_storage bigint NOT NULL,
    num_records bigint NOT NULL,
    merged_under text COLLATE pg_catalog."C"
)
WITH (fillfactor='80');


--
-- Name: devices; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.devices (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    device_id bytea NOT NULL,
    platform text NOT NULL COLLATE pg_catalog."C",
    token bytea NOT NULL,
    token_digest bytea NOT NULL,
    creation_date bigint NOT NULL,
    endpoint bytea
);


--
-- Name: identities; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.identities (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    creation_date bigint NOT NULL,
    last_modified_date bigint NOT NULL,
    was_authenticated boolean NOT NULL,
    merged_into text COLLATE pg_catalog."C",
    provider_names bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    subjects bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    version bigint NOT NULL
);


--
-- Name: identity_pools; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.identity_pools (
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    name bytea NOT NULL,
    creation_date bigint NOT NULL,
    last_modified_date bigint NOT NULL,
    sync_sessions_count bigint NOT NULL,
    settings bytea NOT NULL,
    version bigint NOT NULL
);


--
-- Name: keepstep_schema; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.keepstep_schema (
    one boolean DEFAULT true NOT NULL,
    number bigint NOT NULL,
    readable_by bigint DEFAULT 1 NOT NULL,
    holder text,
    held_until timestamp with time zone,
    CONSTRAINT keepstep_schema_one_check CHECK (one)
);


--
-- Name: leases; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.leases (
    name text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL COLLATE pg_catalog."C",
    until bigint NOT NULL
)
WITH (fillfactor='50');


--
-- Name: logins; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.logins (
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    login_digest bytea NOT NULL,
    provider_name bytea NOT NULL,
    subject bytea NOT NULL,
    identity_id text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL
);


--
-- Name: outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    dataset_name text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    sync_count bigint NOT NULL,
    creation_date bigint NOT NULL,
    partition bigint NOT NULL,
    attempts bigint DEFAULT 0 NOT NULL,
    next_attempt_date bigint DEFAULT 0 NOT NULL,
    set_aside boolean DEFAULT false NOT NULL,
    failure bytea,
    body bytea NOT NULL
);


--
-- Name: outbox_lanes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_lanes (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    dataset_name text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    partition bigint NOT NULL,
    next_attempt_date bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='80');


--
-- Name: records; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.records (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    dataset_name text NOT NULL COLLATE pg_catalog."C",
    key_digest bytea NOT NULL,
    record_key bytea NOT NULL,
    value bytea,
    sync_count bigint NOT NULL,
    last_modified_date bigint NOT NULL,
    last_modified_by bytea,
    device_last_modified_date bigint NOT NULL
);


--
-- Name: revocations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.revocations (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    subject_digest bytea NOT NULL,
    subject bytea NOT NULL,
    not_before bigint NOT NULL,
    reason text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: server_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.server_keys (
    sealed bytea NOT NULL,
    creation_date bigint NOT NULL,
    first boolean NOT NULL
);


--
-- Name: subscriptions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.subscriptions (
    identity_id text NOT NULL COLLATE pg_catalog."C",
    identity_pool_id text NOT NULL COLLATE pg_catalog."C",
    dataset_name text NOT NULL COLLATE pg_catalog."C",
    device_id bytea NOT NULL
);


--
-- Name: token_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.token_keys (
    number bigint NOT NULL,
    sealed bytea NOT NULL,
    creation_date bigint NOT NULL
);


--
-- Data for Name: access_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.access_keys VALUES ('AKIAONE', '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', '\x666f7220746865207265706f727473', false, 1700000000123, false);
INSERT INTO public.access_keys VALUES ('AKIATWO', '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', '\x666f7220746865207265706f727473', true, 1700000000123, false);
INSERT INTO public.access_keys VALUES ('AKIAOLD', '\x', '\x', false, 1700000000123, true);


--
-- Data for Name: bulk_publishes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.bulk_publishes VALUES ('us-east-1:00000000-0000-4000-8000-000000000001', 'IN_PROGRESS', 1700000000123, 1700000000132, '\x6265666f7265', 'us-east-1:00000000-0000-4000-8000-00000000000a', '\x6b657074', 1);


--
-- Data for Name: consumed_sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.consumed_sessions VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', '\x00000000000000000000000000000001', 1700000000123);
INSERT INTO public.consumed_sessions VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', '\x00000000000000000000000000000002', 1700000000124);


--
-- Data for Name: copies; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: dataset_counts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.dataset_counts VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 3);


--
-- Data for Name: datasets; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.datasets VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'kept', 2, 0, 1700000000123, 1700000000125, '\x6465766963652d31', 2, 1, NULL);
INSERT INTO public.datasets VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'deleted', 2, 2, NULL, 1700000000125, NULL, 0, 0, NULL);
INSERT INTO public.datasets VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'notes.us-east-1:00000000-0000-4000-8000-00000000000b', 1, 0, 1700000000123, 1700000000124, '\x6465766963652d31', 2, 1, 'notes');
INSERT INTO public.datasets VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'streamed', 3, 0, 1700000000123, 1700000000126, '\x6465766963652d31', 2, 1, NULL);


--
-- Data for Name: devices; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.devices VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', '\x6f6e65', 'APNS', '\x746f6b656e206f66206f6e65', '\x82a8a8fbf9e1bea64dabe44cbe3d809830e562bd2b796044be27aca5ba7e79b4', 1700000000123, '\x61726e');
INSERT INTO public.devices VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', '\x6f74686572', 'APNS', '\x746f6b656e206f66206f74686572', '\x37365e2141189a1a2cd849286283b385712722e8d997ea28d43c50b0431ff002', 1700000000123, NULL);


--
-- Data for Name: identities; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.identities VALUES ('us-east-1:00000000-0000-4000-8000-00000000000c', 'us-east-1:00000000-0000-4000-8000-000000000001', 1700000000123, 1700000000123, false, NULL, '{}', '{}', 1);
INSERT INTO public.identities VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 1700000000123, 1700000000124, true, NULL, '{"\\x7a","\\x61","\\x6163636f756e74732e6578616d706c652e636f6d"}', '{"\\x746865206669727374","\\x746865207365636f6e6420f09f9880","\\x736f6d65626f6479"}', 2);
INSERT INTO public.identities VALUES ('us-east-1:00000000-0000-4000-8000-00000000000b', 'us-east-1:00000000-0000-4000-8000-000000000001', 1700000000123, 1700000000124, true, 'us-east-1:00000000-0000-4000-8000-00000000000a', '{}', '{}', 2);


--
-- Data for Name: identity_pools; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.identity_pools VALUES ('us-east-1:00000000-0000-4000-8000-000000000001', '\x4120706f6f6c', 1700000000123, 1700000000124, 7, '\x7b7d', 1);
INSERT INTO public.identity_pools VALUES ('us-east-1:00000000-0000-4000-8000-000000000002', '\x4120706f6f6c', 1700000000123, 1700000000124, 1099511627776, '\x7b7d', 1);
INSERT INTO public.identity_pools VALUES ('us-east-1:00000000-0000-4000-8000-000000000003', '\x412070c3b66f6c20f09f8c8a', 1700000000123, 1700000000123, 0, '\x7b22616c6c6f775f756e61757468656e74696361746564223a747275652c22616c6c6f775f636c61737369635f666c6f77223a66616c73652c22737570706f727465645f6c6f67696e5f70726f766964657273223a7b2267726170682e66616365626f6f6b2e636f6d223a22373b38222c2261223a22275c7530303030f09f9880227d2c22646576656c6f7065725f70726f76696465725f6e616d65223a226c6f67696e2e6d79636f6d70616e79222c226f70656e5f69645f636f6e6e6563745f70726f76696465725f61726e73223a5b2261726e3a62222c2261726e3a61225d2c22636f676e69746f5f6964656e746974795f70726f766964657273223a5b7b2250726f76696465724e616d65223a22636f676e69746f2d6964702e65752d776573742d312e616d617a6f6e6177732e636f6d2f70222c22436c69656e744964223a2263222c2253657276657253696465546f6b656e436865636b223a747275657d2c7b2250726f76696465724e616d65223a226f74686572227d5d2c2273616d6c5f70726f76696465725f61726e73223a5b2261726e3a73616d6c225d2c2274616773223a7b226b223a22222c22c3bc223a2276227d2c22726f6c6573223a7b2261757468656e74696361746564223a2261726e3a726f6c652f61227d2c22726f6c655f6d617070696e6773223a7b2267726170682e66616365626f6f6b2e636f6d223a7b2254797065223a22546f6b656e222c22416d626967756f7573526f6c655265736f6c7574696f6e223a2244656e79227d7d2c227072696e636970616c5f74616773223a7b2267726170682e66616365626f6f6b2e636f6d223a7b227573655f64656661756c7473223a747275652c227072696e636970616c5f74616773223a7b7d7d2c2261223a7b227573655f64656661756c7473223a66616c73652c227072696e636970616c5f74616773223a7b227465616d223a22636c61696d227d7d7d7d', 2);


--
-- Data for Name: keepstep_schema; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.keepstep_schema VALUES (true, 3, 1, NULL, NULL);


--
-- Data for Name: leases; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.leases VALUES ('outbox:partition:00', 'a server', 1700000000132);


--
-- Data for Name: logins; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.logins VALUES ('us-east-1:00000000-0000-4000-8000-000000000001', '\x24e9ae3a9ae0f7a6c2e6d2ac7a212a42cca24c932c74926a8ad437e56c590bc3', '\x61', '\x746865207365636f6e6420f09f9880', 'us-east-1:00000000-0000-4000-8000-00000000000a', 1);
INSERT INTO public.logins VALUES ('us-east-1:00000000-0000-4000-8000-000000000001', '\x44daec6d157f34039683d5473c7fef3adcb70f2670f643858b61f18f375c038a', '\x6163636f756e74732e6578616d706c652e636f6d', '\x736f6d65626f6479', 'us-east-1:00000000-0000-4000-8000-00000000000a', 2);
INSERT INTO public.logins VALUES ('us-east-1:00000000-0000-4000-8000-000000000001', '\xbaf06da50e1a3e2ec1cb907c03b2dded2279022776c5de4859834e5847d4c1d5', '\x7a', '\x746865206669727374', 'us-east-1:00000000-0000-4000-8000-00000000000a', 0);


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'streamed', 'push', 3, 1700000000126, 6, 0, 0, false, NULL, '\x33');
INSERT INTO public.outbox VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'streamed', 'stream', 3, 1700000000126, 6, 0, 0, false, NULL, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
INSERT INTO public.outbox VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'streamed', 'stream', 1, 1700000000124, 6, 9, 0, true, '\x746f6f206f6674656e', '\x31');
INSERT INTO public.outbox VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'streamed', 'stream', 2, 1700000000125, 6, 1, 1700000000132, false, '\x6e6f74206e6f77', '\x32');


--
-- Data for Name: outbox_lanes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox_lanes VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'streamed', 'push', 6, 0);
INSERT INTO public.outbox_lanes VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'streamed', 'stream', 6, 1700000000132);


--
-- Data for Name: records; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.records VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'kept', '\x283bb9deef02e6843abfb538efa1eca70801bd8a701c3f98191e123496339247', '\x676f6e65', NULL, 1, 1700000000124, '\x6465766963652d31', 1700000000122);
INSERT INTO public.records VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'kept', '\x5ea44c3961f16643e614435496b16115aa6d75458b5cc3fd5398aae291f3126b', '\x6c696e6573', '\x66697273740a7365636f6e64202771756f74656427202d2d20c3bcf09f9880', 1, 1700000000124, '\x6465766963652d31', 1700000000122);
INSERT INTO public.records VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'kept', '\x1a165b0441c13a4aeef71979af0ae17b407ec3cba0a6247e62b5282fba3a1af1', '\x7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a', '\x7878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878', 1, 1700000000124, '\x6465766963652d31', 1700000000122);
INSERT INTO public.records VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'kept', '\xca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb', '\x61', '\x32', 2, 1700000000125, '\x6465766963652d31', 1700000000121);
INSERT INTO public.records VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'notes.us-east-1:00000000-0000-4000-8000-00000000000b', '\x1b16b1df538ba12dc3f97edbb85caa7050d46c148134290feba80f8236c83db9', '\x6e', '\x31', 1, 1700000000124, '\x6465766963652d31', 1700000000122);
INSERT INTO public.records VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'streamed', '\x043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89', '\x73', '\x33', 3, 1700000000126, '\x6465766963652d31', 1700000000120);


--
-- Data for Name: revocations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.revocations VALUES ('us-east-1:00000000-0000-4000-8000-00000000000b', '\x06f3686107ae29a32e39fc0747e586a53e3830b73a76770686ea1fa7cd6bffc7', '\x6964656e746974793a75732d656173742d313a30303030303030302d303030302d343030302d383030302d303030303030303030303062', 1700000000132, 'merged');
INSERT INTO public.revocations VALUES ('us-east-1:00000000-0000-4000-8000-00000000000d', '\x2d8f8eb493f34056c25d97b0d35df4579c61bc9ac3a3530a85a2033b008dee20', '\x6964656e746974793a75732d656173742d313a30303030303030302d303030302d343030302d383030302d303030303030303030303064', 1700000000123, 'deleted');


--
-- Data for Name: server_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.server_keys VALUES ('\x6f6c646572', 1700000000123, false);
INSERT INTO public.server_keys VALUES ('\x6e65776572', 1700000000124, false);


--
-- Data for Name: subscriptions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.subscriptions VALUES ('us-east-1:00000000-0000-4000-8000-00000000000a', 'us-east-1:00000000-0000-4000-8000-000000000001', 'streamed', '\x6f6e65');


--
-- Data for Name: token_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.token_keys VALUES (2, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', 1700000000124);
INSERT INTO public.token_keys VALUES (1, '\x6f6c646572', 1700000000123);


--
-- Name: access_keys access_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.access_keys
    ADD CONSTRAINT access_keys_pkey PRIMARY KEY (access_key_id);


--
-- Name: bulk_publishes bulk_publishes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bulk_publishes
    ADD CONSTRAINT bulk_publishes_pkey PRIMARY KEY (identity_pool_id);


--
-- Name: consumed_sessions consumed_sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consumed_sessions
    ADD CONSTRAINT consumed_sessions_pkey PRIMARY KEY (identity_id, session_id);


--
-- Name: copies copies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.copies
    ADD CONSTRAINT copies_pkey PRIMARY KEY (one);


--
-- Name: dataset_counts dataset_counts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dataset_counts
    ADD CONSTRAINT dataset_counts_pkey PRIMARY KEY (identity_id, identity_pool_id);


--
-- Name: datasets datasets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.datasets
    ADD CONSTRAINT datasets_pkey PRIMARY KEY (identity_id, identity_pool_id, dataset_name);


--
-- Name: devices devices_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (identity_id, identity_pool_id, device_id);


--
-- Name: identities identities_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.identities
    ADD CONSTRAINT identities_pkey PRIMARY KEY (identity_id);


--
-- Name: identity_pools identity_pools_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.identity_pools
    ADD CONSTRAINT identity_pools_pkey PRIMARY KEY (identity_pool_id);


--
-- Name: keepstep_schema keepstep_schema_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.keepstep_schema
    ADD CONSTRAINT keepstep_schema_pkey PRIMARY KEY (one);


--
-- Name: leases leases_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);


--
-- Name: logins logins_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.logins
    ADD CONSTRAINT logins_pkey PRIMARY KEY (identity_pool_id, login_digest);


--
-- Name: outbox_lanes outbox_lanes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_lanes
    ADD CONSTRAINT outbox_lanes_pkey PRIMARY KEY (identity_id, identity_pool_id, dataset_name, channel);


--
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (identity_id, identity_pool_id, dataset_name, channel, sync_count);


--
-- Name: records records_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (identity_id, identity_pool_id, dataset_name, key_digest);


--
-- Name: revocations revocations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (identity_id, subject_digest);


--
-- Name: server_keys server_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.server_keys
    ADD CONSTRAINT server_keys_pkey PRIMARY KEY (sealed);


--
-- Name: subscriptions subscriptions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (identity_id, identity_pool_id, dataset_name, device_id);


--
-- Name: token_keys token_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.token_keys
    ADD CONSTRAINT token_keys_pkey PRIMARY KEY (number);


--
-- Name: consumed_sessions_by_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX consumed_sessions_by_expiry ON public.consumed_sessions USING btree (expires_at);


--
-- Name: datasets_by_merge; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX datasets_by_merge ON public.datasets USING btree (identity_id, identity_pool_id, merged_under) WHERE (merged_under IS NOT NULL);


--
-- Name: devices_by_token; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX devices_by_token ON public.devices USING btree (identity_id, identity_pool_id, platform, token_digest);


--
-- Name: guests_by_creation; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX guests_by_creation ON public.identities USING btree (creation_date, identity_id) WHERE ((NOT was_authenticated) AND (merged_into IS NULL));


--
-- Name: identities_by_creation; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX identities_by_creation ON public.identities USING btree (identity_pool_id, creation_date, identity_id);


--
-- Name: identity_pools_by_creation; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX identity_pools_by_creation ON public.identity_pools USING btree (creation_date, identity_pool_id);


--
-- Name: logins_by_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX logins_by_identity ON public.logins USING btree (identity_id, "position");


--
-- Name: outbox_by_next_attempt; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_by_next_attempt ON public.outbox USING btree (identity_id, identity_pool_id, dataset_name, channel, next_attempt_date) WHERE ((NOT set_aside) AND (next_attempt_date > 0));


--
-- Name: outbox_set_aside; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_set_aside ON public.outbox USING btree (identity_id, identity_pool_id, dataset_name, channel, sync_count) WHERE set_aside;


--
-- Name: outbox_waiting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_waiting ON public.outbox USING btree (identity_id, identity_pool_id, dataset_name, channel, sync_count) WHERE (NOT set_aside);


--
-- Name: records_by_sync_count; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX records_by_sync_count ON public.records USING btree (identity_id, identity_pool_id, dataset_name, sync_count);


--
-- Name: revocations_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX revocations_by_time ON public.revocations USING btree (not_before);


--
-- Name: server_keys_first; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX server_keys_first ON public.server_keys USING btree (first) WHERE first;


--
-- PostgreSQL database dump complete
--


