//! Settings that do not go together, and what their errors say.

use super::{errors_of, errors_with};

#[test]
fn settings_that_do_not_go_together_are_refused() {
    for (text, line, key) in [
        ("[listen]\nkeepalive_idle_s = 32768", 2, "listen.keepalive_idle_s"),
        (
            "[listen]\nkeepalive_interval_s = 0",
            2,
            "listen.keepalive_interval_s",
        ),
        ("[listen]\nkeepalive_count = 128", 2, "listen.keepalive_count"),
        (
            "[nats]\nurls = \"nats://h\"\ninbox_prefix = \"arancini.updates\"",
            3,
            "nats.inbox_prefix",
        ),
        ("[ingest]\nslots = 1", 2, "ingest.slots"),
        ("[ingest]\n\nslot_bytes = 1", 3, "ingest.slot_bytes"),
        (
            "[limits]\nmax_message_bytes = 65535",
            2,
            "limits.max_message_bytes",
        ),
        ("[limits]\nallow = []", 2, "limits.allow"),
        ("[metrics]\nmax_series = 0", 2, "metrics.max_series"),
        ("[metrics]\nmax_series = 3000000", 2, "metrics.max_series"),
        ("[control]\naddress = \"0.0.0.0:8080\"", 2, "control.address"),
        (
            "[control]\naddress = \"[::ffff:192.0.2.1]:8080\"",
            2,
            "control.address",
        ),
        (
            "[control]\ninsecure = true\ntoken_file = \"/dev/null\"",
            2,
            "control.insecure",
        ),
        (
            "[control]\ntoken_file = \"/nowhere/token\"",
            2,
            "control.token_file",
        ),
        // A file without a token was found only when the control port was opened.
        (
            "[control]\nact_token_file = \"/dev/null\"",
            2,
            "control.act_token_file",
        ),
        (
            "[control]\ntls_cert_file = \"/nowhere/cert.pem\"",
            2,
            "control.tls_cert_file",
        ),
        (
            "[control]\ntls_key_file = \"/nowhere/key.pem\"",
            2,
            "control.tls_key_file",
        ),
        (
            "[control]\ntls_client_ca_file = \"/nowhere/ca.pem\"",
            2,
            "control.tls_client_ca_file",
        ),
        (
            "[control]\ntls_cert_file = \"/dev/null\"\ntls_key_file = \"/dev/null\"",
            2,
            "control.tls_cert_file",
        ),
        ("[control]\nhistory_bytes = 1000", 2, "control.history_bytes"),
        ("[control]\nris_clients = 10001", 2, "control.ris_clients"),
        (
            "[control]\nris_address = \"0.0.0.0:8081\"",
            2,
            "control.ris_address",
        ),
        (
            "[control]\nris_address = \"127.0.0.1:8080\"",
            2,
            "control.ris_address",
        ),
        (
            "[control]\nris_address = \"127.0.0.1:8081\"\nris_clients = 0",
            2,
            "control.ris_address",
        ),
        (
            "[control]\nris_address = \"127.0.0.1:8081\"\nenabled = false",
            2,
            "control.ris_address",
        ),
        (
            "[control]\nhost_names = [\"http://a.example\"]",
            2,
            "control.host_names",
        ),
        (
            "[control]\nhost_names = [\"a.example:80\"]",
            2,
            "control.host_names",
        ),
        ("[control]\nhost_names = [\"*\"]", 2, "control.host_names"),
        ("[publish]\nsubject_base = \"a b\"", 2, "publish.subject_base"),
        ("[publish]\nmax_updates = 0", 2, "publish.max_updates"),
        ("[publish]\nwindow_bytes = 10", 2, "publish.window_bytes"),
        ("[publish]\ncompression = \"zstd\"", 2, "publish.compression"),
        ("[publish]\nformat = \"json\"", 2, "publish.format"),
        (
            "[rib]\nattributes = \"retain\"\n[curation]\nmode = \"presence\"",
            2,
            "rib.attributes",
        ),
        (
            "[rib]\nmost_attribute_bytes = 1000",
            2,
            "rib.most_attribute_bytes",
        ),
        ("[publish]\non_full = \"spool\"", 2, "publish.on_full"),
        (
            "[publish]\non_full = \"spool\"\nspool_bytes = 10\n[nats]\nurls = \"nats://h\"",
            3,
            "publish.spool_bytes",
        ),
        (
            "[publish]\nsink = \"null\"\ncompression = \"lz4\"\n[nats]\nurls = \"nats://h\"",
            3,
            "publish.compression",
        ),
        ("[snapshots]\nstore = \"nats\"", 2, "snapshots.store"),
        (
            "[snapshots]\nbucket = \"a.b\"\nstore = \"nats\"\n[nats]\nurls = \"nats://h\"",
            2,
            "snapshots.bucket",
        ),
        (
            "[snapshots]\ndirectory = \"d\"\nstore = \"nats\"\n[nats]\nurls = \"nats://h\"",
            2,
            "snapshots.directory",
        ),
        ("[nats]\nurls = \"http://x\"", 2, "nats.urls"),
        ("[nats]\nurls = \"nats://\"", 2, "nats.urls"),
        ("[nats]\nstream = \"a.b\"", 2, "nats.stream"),
        ("[nats]\npassword = \"x\"", 2, "nats.password"),
        ("[nats]\nuser = \"x\"", 2, "nats.user"),
        ("[nats]\ntoken = \"x\"\ntoken_file = \"y\"", 3, "nats.token_file"),
        (
            "[nats]\ntoken = \"x\"\nnkey_seed_file = \"y\"",
            3,
            "nats.nkey_seed_file",
        ),
        ("[nats]\ntls_cert_file = \"x\"", 2, "nats.tls_cert_file"),
        (
            "[nats]\nurls = \"nats://h\"\ntoken_file = \"/nowhere/token\"",
            3,
            "nats.token_file",
        ),
        ("[log]\nlevel = \"=/=\"", 2, "log.level"),
    ] {
        let errors = errors_of(text);
        let start = format!("arancini.toml:{line}: {key}: ");
        assert!(
            errors.iter().any(|error| error.starts_with(&start)),
            "{text}: {errors:?}"
        );
        assert!(
            errors.iter().all(|error| error.contains("; ")),
            "no remedy: {errors:?}"
        );
    }
    assert!(
        errors_with(&[("ARANCINI_PUBLISH__SINK", "nats")])[0]
            .contains("ARANCINI_PUBLISH__SINK: publish.sink: ")
    );
    assert!(errors_of("[publish]\nsink = \"nats\"\n")[0].starts_with("arancini.toml:2: publish.sink: "));
}
