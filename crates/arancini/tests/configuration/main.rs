//! The layers of the configuration, and the errors of a wrong configuration.

#![allow(clippy::unwrap_used)]

mod contradictions;
mod identities;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Command, Output};

use arancini_collector::config::{Config, FlagValue, Secret, SinkKind, load, show};
use tempfile::TempDir;

struct File {
    _directory: TempDir,
    path: PathBuf,
}

fn file(text: &str) -> File {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("arancini.toml");
    std::fs::write(&path, text).unwrap();
    File {
        _directory: directory,
        path,
    }
}

fn variable(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

/// Returns the errors of a configuration file, without the path of its directory.
fn errors_of(text: &str) -> Vec<String> {
    let file = file(text);
    let directory = format!("{}/", file.path.parent().unwrap().display());
    let errors = load(Some(&file.path), [], &[]).unwrap_err();
    errors
        .0
        .iter()
        .map(|error| error.to_string().replace(&directory, ""))
        .collect()
}

fn errors_with(environment: &[(&str, &str)]) -> Vec<String> {
    let environment = environment.iter().map(|(name, text)| variable(name, text));
    load(None, environment, &[])
        .unwrap_err()
        .0
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn what_the_start_would_refuse_is_refused_by_the_check() {
    let errors = errors_of(
        "collector_name = \"edge 1\"\n[publish]\nsubject_base = \"$JS.bmp\"\nbridge_batches = 9223372036854775807\n\
         [nats]\nurls = [\"nats://192.0.2.1:99999\"]\n",
    );
    for (setting, problem) in [
        ("collector_name", "this can't be part of a message id"),
        (
            "publish.subject_base",
            "a NATS subject can't start with this text",
        ),
        ("publish.bridge_batches", "9223372036854775807 is too large"),
        ("nats.urls", "a URL can't be read"),
    ] {
        let found = errors
            .iter()
            .any(|error| error.contains(setting) && error.contains(problem));
        assert!(found, "{setting}: {errors:#?}");
    }
    assert_eq!(errors.len(), 4, "{errors:#?}");
}

#[test]
fn times_and_names_that_only_the_start_refused_are_refused_by_the_check() {
    let long = "b".repeat(252);
    let errors = errors_of(&format!(
        "[nats]\nurls = [\"nats://192.0.2.1\"]\nmax_age_s = 9223372037\nduplicate_window_s = 18446744074\n\
         connect_timeout_ms = 0\n[snapshots]\nstore = \"nats\"\nbucket = \"{long}\"\n"
    ));
    for (setting, problem) in [
        ("nats.max_age_s", "9223372037 is too large"),
        ("nats.duplicate_window_s", "18446744074 is too large"),
        ("nats.connect_timeout_ms", "no connection is made in 0 ms"),
        ("snapshots.bucket", "this is not a valid name of a bucket"),
    ] {
        let found = errors
            .iter()
            .any(|error| error.contains(setting) && error.contains(problem));
        assert!(found, "{setting}: {errors:#?}");
    }
    assert_eq!(errors.len(), 4, "{errors:#?}");
}

/// A window that was written down was shortened without a word.
#[test]
fn a_duplicate_window_above_the_age_of_messages_is_refused() {
    let of = |text: &str| errors_of(&format!("[nats]\nurls = [\"nats://192.0.2.1\"]\n{text}"));
    assert_eq!(
        of("max_age_s = 60\nduplicate_window_s = 61\n"),
        [
            "arancini.toml:4: nats.duplicate_window_s: the server takes no window of 61 s for a stream whose messages live \
             for 60 s (nats.max_age_s); write at most 60, or raise nats.max_age_s"
        ]
    );
    for allowed in [
        "max_age_s = 60\nduplicate_window_s = 60\n",
        "duplicate_window_s = 61\n",
        "max_age_s = 60\n",
    ] {
        let file = file(&format!("[nats]\nurls = [\"nats://192.0.2.1\"]\n{allowed}"));
        load(Some(&file.path), [], &[]).unwrap();
    }
}

/// The settings that were shown could not be loaded: they had the default window beside the shorter age.
#[test]
fn the_shown_duplicate_window_is_the_one_in_effect() {
    let given = file("[nats]\nurls = [\"nats://192.0.2.1\"]\nmax_age_s = 1\n");
    let config = load(Some(&given.path), [], &[]).unwrap();
    assert_eq!(config.nats.duplicate_window_s, 1);
    let shown = file(&show(&config));
    assert_eq!(load(Some(&shown.path), [], &[]).unwrap(), config);
}

#[test]
fn ipv4_mapped_addresses_are_read_as_ipv4() {
    let file = file("[routers]\nidentity = { \"::ffff:10.0.0.1\" = \"::ffff:192.0.2.1\" }\n");
    let variables = [variable(
        "ARANCINI_ROUTERS__IDENTITY",
        "::ffff:10.0.0.1=::ffff:192.0.2.1",
    )];
    for config in [
        load(Some(&file.path), [], &[]).unwrap(),
        load(None, variables, &[]).unwrap(),
    ] {
        let identity = config.routers.identity;
        assert_eq!(
            identity.router_of([10, 0, 0, 1].into()),
            IpAddr::from([192, 0, 2, 1])
        );
        assert_eq!(identity.by_address.len(), 1);
    }
}

#[test]
fn later_layers_win() {
    let file =
        file("collector_name = \"file\"\n[publish]\nlinger_ms = 1\nmax_updates = 2\n[listen]\nworkers = 3\n");
    let environment = [
        variable("ARANCINI_PUBLISH__LINGER_MS", "10"),
        variable("ARANCINI_LISTEN__WORKERS", "11"),
    ];
    let flags = [FlagValue {
        section: "listen",
        key: "workers",
        text: "12".to_owned(),
        flag: "--workers",
    }];
    let config = load(Some(&file.path), environment, &flags).unwrap();
    assert_eq!(config.collector_name(), "file");
    assert_eq!(config.publish.max_updates, 2);
    assert_eq!(config.publish.linger_ms, 10);
    assert_eq!(config.listen.workers, 12);
    assert_eq!(config.limits, Config::default().limits);
}

#[test]
fn every_kind_of_value_is_read_from_file_and_environment() {
    let file = file(
        "[listen]\naddress = \"[::]:4001\"\n[limits]\nallow = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n\
         [routers.identity]\n\"10.0.0.1\" = \"192.0.2.1\"\n[log]\nformat = \"json\"\n",
    );
    let from_file = load(Some(&file.path), [], &[]).unwrap();
    let environment = [
        variable("ARANCINI_LISTEN__ADDRESS", "[::]:4001"),
        variable("ARANCINI_LIMITS__ALLOW", "10.0.0.0/8, 2001:db8::/32"),
        variable("ARANCINI_ROUTERS__IDENTITY", "10.0.0.1=192.0.2.1"),
        variable("ARANCINI_LOG__FORMAT", "json"),
        variable("ARANCINI_NATS__USER", ""),
        variable("ARANCINI_CORPUS", "/somewhere"),
    ];
    assert_eq!(load(None, environment, &[]).unwrap(), from_file);
    assert_eq!(
        from_file.routers.identity.router_of("10.0.0.1".parse().unwrap()),
        "192.0.2.1".parse::<IpAddr>().unwrap()
    );
}

#[test]
fn the_sink_is_nats_where_a_server_is_given() {
    assert_eq!(load(None, [], &[]).unwrap().sink(), SinkKind::File);
    let url = variable(
        "ARANCINI_NATS__URLS",
        "nats://192.0.2.1:4222,nats://192.0.2.2:4222",
    );
    let config = load(None, [url.clone()], &[]).unwrap();
    assert_eq!(config.sink(), SinkKind::Nats);
    assert_eq!(config.nats.urls.len(), 2);
    let config = load(None, [url, variable("ARANCINI_PUBLISH__SINK", "null")], &[]).unwrap();
    assert_eq!(config.sink(), SinkKind::Null);
}

#[test]
fn unknown_keys_name_file_line_key_and_the_nearest_one() {
    assert_eq!(
        errors_of("colector_name = \"x\"\n\n[limits]\nmax_sesions = 4\n\n[lisen]\naddress = \"[::]:1\"\n"),
        [
            "arancini.toml:1: colector_name: there is no such setting; \
             did you mean collector_name? `arancini config schema` lists all",
            "arancini.toml:4: limits.max_sesions: there is no such setting; \
             did you mean limits.max_sessions? `arancini config schema` lists all",
            "arancini.toml:6: lisen: there is no such section; \
             did you mean [listen]? `arancini config schema` lists all",
        ]
    );
    assert_eq!(
        errors_with(&[("ARANCINI_NATS__URL", "nats://192.0.2.1")]),
        [
            "environment variable ARANCINI_NATS__URL: no setting has this variable; \
          did you mean ARANCINI_NATS__URLS? `arancini config schema` lists all"
        ]
    );
}

#[test]
fn wrong_types_name_file_line_key_and_what_is_expected() {
    for (text, expected) in [
        (
            "[limits]\nmax_sessions = \"4\"",
            "2: limits.max_sessions: \"4\" was given; expected a whole number, 0 or more",
        ),
        (
            "[listen]\nworkers = -1",
            "2: listen.workers: -1 was given; expected a whole number from 0 to 65535",
        ),
        (
            "[listen]\nworkers = 1.5",
            "2: listen.workers: a number with a fraction or a date was given; expected a whole number from 0 to 65535",
        ),
        (
            "[listen]\npin_workers = \"yes\"",
            "2: listen.pin_workers: \"yes\" was given; expected true or false",
        ),
        (
            "[curation]\nmode = \"all\"",
            "2: curation.mode: \"all\" was given; expected one of \"attributes\", \"presence\", \"off\"",
        ),
        (
            "[publish]\non_full = \"wait\"",
            "2: publish.on_full: \"wait\" was given; expected one of \"block\", \"spool\", \"drop\"",
        ),
        (
            "listen = 1",
            "1: listen: this is a section, but an integer was given; write [listen] and its settings below",
        ),
    ] {
        assert_eq!(errors_of(text), [format!("arancini.toml:{expected}")]);
    }
    let broken = errors_of("[listen]\nworkers = \n");
    assert!(
        broken[0].starts_with("arancini.toml:2: this is not TOML"),
        "{broken:?}"
    );
}

#[test]
fn a_wrong_item_of_a_list_or_a_table_is_shown() {
    for (text, start) in [
        (
            "[limits]\nallow = [\"192.0.2.0/24\", \"10.0.0.0/33\"]\n",
            r#"limits.allow: the list ["192.0.2.0/24", "10.0.0.0/33"] was given; expected an IP prefix"#,
        ),
        (
            "[routers]\nidentity = { \"10.0.0.1\" = \"r1\" }\n",
            r#"routers.identity: the table { "10.0.0.1" = "r1" } was given; expected a table of IP addresses"#,
        ),
    ] {
        let errors = errors_of(text);
        assert!(
            errors[0].starts_with(&format!("arancini.toml:2: {start}")),
            "{errors:?}"
        );
    }
    assert!(!errors_of("[nats]\nurls = [1, \"nats://joe:hush@h\"]\n")[0].contains("hush"));
}

#[test]
fn a_log_filter_whose_word_is_no_level_is_refused_with_the_nearest_level() {
    for (filter, problem) in [
        ("warning", r#""warning" is not a level; did you mean warn?"#),
        ("infoo", r#""infoo" is not a level; did you mean info?"#),
        ("infoo,,x=all", r#""infoo" is not a level; did you mean info?"#),
        (
            "info,arancini_collector=debgu",
            r#""arancini_collector=debgu" is not a target with a level; did you mean debug?"#,
        ),
        (
            "info,x=",
            r#""x=" is not a target with a level; did you mean off?"#,
        ),
    ] {
        let wrong = file(&format!("[log]\nlevel = \"{filter}\"\n"));
        let path = wrong.path.to_str().unwrap();
        for arguments in [vec!["config", "check", path], vec!["--config", path, "run"]] {
            let output = arancini(&arguments);
            assert_eq!(output.status.code(), Some(2), "{filter}: {output:?}");
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(
                text.contains(&format!(":2: log.level: {problem}")),
                "{filter}: {text}"
            );
        }
    }
    for filter in ["off", "WARN", "info,arancini=debug", "info,arancini[span]=trace"] {
        let right = file(&format!("[log]\nlevel = \"{filter}\"\n"));
        assert!(load(Some(&right.path), [], &[]).is_ok(), "{filter}");
    }
}

#[test]
fn the_control_port_is_open_to_this_host_with_a_token_or_on_purpose() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "0123456789abcdef").unwrap();
    let with_token = format!(
        "[control]\naddress = \"0.0.0.0:8080\"\ntoken_file = {:?}",
        token.path()
    );
    for text in [
        "[control]\naddress = \"[::1]:8080\"",
        &with_token,
        "[control]\naddress = \"0.0.0.0:8080\"\ninsecure = true",
        "[control]\naddress = \"0.0.0.0:8080\"\nenabled = false",
    ] {
        let file = file(text);
        assert!(load(Some(&file.path), [], &[]).is_ok(), "{text}");
    }
    let errors = errors_of("[control]\naddress = \"0.0.0.0:8080\"");
    assert!(
        errors[0].contains("control.token_file") && errors[0].contains("control.insecure"),
        "{errors:?}"
    );
}

#[test]
fn secrets_are_masked_wherever_the_configuration_is_shown() {
    let environment = [
        variable("ARANCINI_NATS__URLS", "nats://joe:hush@192.0.2.1:4222"),
        variable("ARANCINI_NATS__USER", "joe"),
        variable("ARANCINI_NATS__PASSWORD", "hush"),
    ];
    let config = load(None, environment, &[]).unwrap();
    assert_eq!(config.nats.password.as_ref().map(Secret::reveal), Some("hush"));
    let shown = show(&config);
    assert!(shown.contains("password = \"***\""), "{shown}");
    assert!(shown.contains("nats://***@192.0.2.1:4222"), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
    assert!(!format!("{:?}", config.nats.password).contains("hush"));
    // An error does not repeat the wrong value of a secret.
    let wrong = errors_of("[nats]\npassword = 12345\n").join("")
        + &errors_with(&[("ARANCINI_NATS__URLS", "http://u:hush@h")]).join("");
    assert!(!wrong.contains("hush") && !wrong.contains("12345"), "{wrong}");
}

/// Runs the command without any variable of arancini in the environment.
fn arancini(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arancini"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ARANCINI_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).output().unwrap()
}

/// It was an error even beside `--config`, and the error did not name the variable.
#[test]
fn an_empty_variable_for_the_configuration_file_counts_as_not_set() {
    let shown = Command::new(env!("CARGO_BIN_EXE_arancini"))
        .args(["config", "show"])
        .env("ARANCINI_CONFIG", "")
        .output()
        .unwrap();
    assert!(shown.status.success(), "{shown:?}");
}

#[test]
fn what_is_shown_can_be_read_again() {
    let shown = arancini(&["config", "show"]);
    assert!(shown.status.success());
    let file = file(&String::from_utf8(shown.stdout).unwrap());
    assert_eq!(load(Some(&file.path), [], &[]).unwrap(), Config::default());
    let checked = arancini(&["config", "check", file.path.to_str().unwrap()]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn configuration_errors_end_with_exit_code_2() {
    let wrong = file("[limits]\nmax_sesions = 1\n");
    let path = wrong.path.to_str().unwrap();
    for arguments in [
        vec!["config", "check", path],
        vec!["--config", path, "config", "show"],
        vec!["--config", path, "run"],
        vec!["run", "--listen", "nonsense"],
        vec!["run", "--control", "nonsense"],
        vec!["run", "--no-such-flag"],
        vec!["--config", "/nowhere/arancini.toml", "run"],
        vec!["stream", "check"],
    ] {
        let output = arancini(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_command_says_what_it_is_for_with_an_example() {
    for command in [
        &["run"][..],
        &["demo"],
        &["replay"],
        &["decode"],
        &["tail"],
        &["show"],
        &["show", "routers"],
        &["show", "peers"],
        &["show", "peer"],
        &["show", "prefix"],
        &["show", "routes"],
        &["show", "changes"],
        &["show", "events"],
        &["show", "malformed"],
        &["show", "counts"],
        &["show", "workers"],
        &["show", "sink"],
        &["resync"],
        &["stream"],
        &["stream", "create"],
        &["stream", "check"],
        &["stream", "show"],
        &["config", "check"],
        &["config", "show"],
        &["config", "schema"],
    ] {
        let output = arancini(&[command, &["--help"]].concat());
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && help.contains("Example"),
            "{command:?}: {help}"
        );
    }
}

#[test]
fn the_format_reaches_the_publisher() {
    use arancini_client::Format;
    for (word, format) in [("capnp", Format::Capnp), ("json", Format::Json)] {
        let environment = [
            variable("ARANCINI_NATS__URLS", "nats://192.0.2.1:4222"),
            variable("ARANCINI_PUBLISH__FORMAT", word),
        ];
        let config = load(None, environment, &[]).unwrap();
        assert_eq!(config.sidecar_settings().form.format, format);
    }
}

#[test]
fn compression_reaches_the_publisher() {
    use arancini_client::Compression;
    for (word, compression) in [
        ("none", Compression::None),
        ("lz4", Compression::Lz4),
        ("zstd", Compression::Zstd),
    ] {
        let environment = [
            variable("ARANCINI_NATS__URLS", "nats://192.0.2.1:4222"),
            variable("ARANCINI_PUBLISH__COMPRESSION", word),
        ];
        let config = load(None, environment, &[]).unwrap();
        assert_eq!(config.sidecar_settings().form.compression, compression);
    }
}

/// The unit set `ARANCINI_FILE__DATA_DIR`, which silently overrode the configuration file.
#[test]
fn the_state_directory_of_a_service_is_a_default_that_the_file_overrides() {
    let service = || [variable("STATE_DIRECTORY", "/var/lib/arancini:/var/lib/other")];
    let config = load(None, service(), &[]).unwrap();
    assert_eq!(config.file.data_dir, PathBuf::from("/var/lib/arancini/data"));
    let file = file("[file]\ndata_dir = \"/srv/bmp\"\n");
    let config = load(Some(&file.path), service(), &[]).unwrap();
    assert_eq!(config.file.data_dir, PathBuf::from("/srv/bmp"));
    let config = load(None, [variable("STATE_DIRECTORY", "")], &[]).unwrap();
    assert_eq!(config, load(None, [], &[]).unwrap());
}
