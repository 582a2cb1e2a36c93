//! Logins that work, and what the operator reads when one does not: users, tokens, NKeys, TLS, mTLS, TLS-first, permissions.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_bed::{Cable, NatsServer};
use arancini_client::{Authentication, ClientCertificate, Reason, Secret, Trouble};
use arancini_publish::NatsSettings;
use support::{Rig, Worker, assert_whole, run};

fn settings(server: &NatsServer) -> NatsSettings {
    let mut settings = NatsSettings::new(vec![server.url()]);
    settings.max_backoff = Duration::from_millis(200);
    settings.server.connect_timeout = Duration::from_secs(3);
    settings
}

/// Checks that publishing works with these settings.
fn accepted(settings: NatsSettings) {
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 2);
    for _ in 0..5 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until_acknowledged(5);
    assert!(rig.status.is_ready());
    assert_whole(&settings, &[worker]);
}

/// Checks that publishing fails with this reason, is retried, and discards nothing. Returns the trouble.
fn refused(settings: NatsSettings, reason: Reason) -> Trouble {
    let rig = Rig::nats(settings);
    rig.bridge.send(Worker::new(1, 1).batch()).unwrap();
    rig.until("told twice", |status| status.errors(reason) >= 2);
    let trouble = rig.status.trouble().unwrap();
    assert_eq!(trouble.reason, reason, "{trouble}");
    drop(rig.bridge);
    let report = rig.sidecar.drain(Duration::ZERO);
    assert_eq!(
        (report.acknowledged_batches, report.unacknowledged_batches),
        (0, 1)
    );
    trouble
}

#[test]
fn user_and_password_from_value_file_and_url() {
    let Some(server) = NatsServer::start_with("authorization { user: bmp, password: \"pa:ss\" }") else {
        return;
    };
    let file = server.directory().join("password");
    std::fs::write(&file, "pa:ss\n").unwrap();
    for password in [Secret::Value("pa:ss".to_owned()), Secret::File(file)] {
        let mut right = settings(&server);
        right.server.authentication = Authentication::UserPassword {
            user: "bmp".to_owned(),
            password,
        };
        accepted(right.clone());
        delete_stream(&right);
    }
    let mut wrong = settings(&server);
    let secret = "w0rds3cr3t";
    wrong.server.authentication = Authentication::UserPassword {
        user: "bmp".to_owned(),
        password: Secret::Value(secret.to_owned()),
    };
    let trouble = refused(wrong.clone(), Reason::Authentication);
    assert!(trouble.cause.contains("refuses the credentials"), "{trouble}");
    assert!(!format!("{trouble} {wrong:?}").contains(secret));
    let mut in_url = settings(&server);
    in_url.server.urls = vec![format!("nats://bmp:{secret}@127.0.0.1:{}", server.port())];
    let trouble = refused(in_url, Reason::Authentication);
    assert!(!trouble.to_string().contains(secret), "{trouble}");
    let anonymous = refused(settings(&server), Reason::Authentication);
    assert!(anonymous.remedy.contains("check user"), "{anonymous}");
}

/// Removes the stream, so that the next publisher starts with a new one.
fn delete_stream(settings: &NatsSettings) {
    let settings = settings.clone();
    run(async {
        let connection = arancini_client::connect::connect(&settings.server, "test")
            .await
            .unwrap();
        async_nats::jetstream::new(connection.client)
            .delete_stream("ARANCINI")
            .await
            .unwrap();
    });
}

#[test]
fn token_from_a_file() {
    let Some(server) = NatsServer::start_with("authorization { token: \"t0k3n\" }") else {
        return;
    };
    let file = server.directory().join("token");
    std::fs::write(&file, "t0k3n\n").unwrap();
    let mut right = settings(&server);
    right.server.authentication = Authentication::Token(Secret::File(file.clone()));
    accepted(right.clone());
    std::fs::write(&file, "other\n").unwrap();
    refused(right.clone(), Reason::Authentication);
    std::fs::remove_file(&file).unwrap();
    let trouble = refused(right, Reason::Authentication);
    assert!(trouble.cause.contains("can't read the token file"), "{trouble}");
}

#[test]
fn nkey_seed() {
    let (key, stranger) = (nkeys::KeyPair::new_user(), nkeys::KeyPair::new_user());
    let users = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", key.public_key());
    let Some(server) = NatsServer::start_with(&users) else {
        return;
    };
    let mut settings = settings(&server);
    settings.server.authentication = Authentication::NkeySeed(Secret::Value(key.seed().unwrap()));
    accepted(settings.clone());
    settings.server.authentication = Authentication::NkeySeed(Secret::Value(stranger.seed().unwrap()));
    refused(settings.clone(), Reason::Authentication);
    settings.server.authentication = Authentication::NkeySeed(Secret::Value("SUnonsense".to_owned()));
    let trouble = refused(settings, Reason::Authentication);
    assert!(trouble.cause.contains("the NKey seed is damaged"), "{trouble}");
}

/// Makes a JWT as `nsc` signs it.
fn jwt(signer: &nkeys::KeyPair, subject: &nkeys::KeyPair, claims: serde_json::Value) -> String {
    let header = serde_json::json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let mut body = serde_json::json!({"jti": "x", "iat": 1_700_000_000, "iss": signer.public_key(),
        "sub": subject.public_key(), "name": "test"});
    body["nats"] = claims;
    let signed = format!(
        "{}.{}",
        base64(header.to_string().as_bytes()),
        base64(body.to_string().as_bytes())
    );
    let signature = signer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64(&signature))
}

/// Encodes in URL-safe base64 without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let value = chunk
            .iter()
            .fold(0u32, |value, byte| value << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |digit| DIGITS[(value >> (18 - 6 * digit)) as usize & 63] as char)
    });
    digits.collect()
}

#[test]
fn credentials_file() {
    let (operator, account, system, user) = (
        nkeys::KeyPair::new_operator(),
        nkeys::KeyPair::new_account(),
        nkeys::KeyPair::new_account(),
        nkeys::KeyPair::new_user(),
    );
    let limits = serde_json::json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
        "wildcards": true, "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1,
        "consumer": -1});
    let operator_jwt = jwt(
        &operator,
        &operator,
        serde_json::json!({"type": "operator", "version": 2}),
    );
    let account_jwt = jwt(
        &operator,
        &account,
        serde_json::json!({"type": "account", "version": 2, "limits": limits}),
    );
    let user_jwt = jwt(
        &account,
        &user,
        serde_json::json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}),
    );
    let system_jwt = jwt(
        &operator,
        &system,
        serde_json::json!({"type": "account", "version": 2,
        "limits": {"subs": -1, "data": -1, "payload": -1, "wildcards": true, "conn": -1, "leaf": -1}}),
    );
    let config = format!(
        "operator: \"{operator_jwt}\"\nresolver: MEMORY\nsystem_account: {1}\n\
         resolver_preload: {{ {0}: \"{account_jwt}\", {1}: \"{system_jwt}\" }}",
        account.public_key(),
        system.public_key()
    );
    let Some(server) = NatsServer::start_with(&config) else {
        return;
    };
    let file = server.directory().join("user.creds");
    let write = |seed: &str| {
        let content = format!(
            "-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        std::fs::write(&file, content).unwrap();
    };
    let mut settings = settings(&server);
    settings.server.authentication = Authentication::Credentials(file.clone());
    write(&user.seed().unwrap());
    accepted(settings.clone());
    write(&nkeys::KeyPair::new_user().seed().unwrap());
    refused(settings.clone(), Reason::Authentication);
    std::fs::write(&file, "nothing of the kind").unwrap();
    let trouble = refused(settings, Reason::Authentication);
    assert!(trouble.cause.contains("is no credentials file"), "{trouble}");
}

#[test]
fn the_documented_permissions_are_enough() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/nats.md")).unwrap();
    let block = page
        .split("```")
        .find(|block| block.contains("publish:   ["))
        .unwrap();
    let users =
        format!("authorization {{ users: [ {{ user: least, password: x, permissions: {{ {block} }} }} ] }}");
    let Some(server) = NatsServer::start_with(&users) else {
        return;
    };
    let cable = Cable::to(server.port()).unwrap();
    let mut settings = settings(&server);
    settings.server.urls = vec![cable.url()];
    settings.server.authentication = Authentication::UserPassword {
        user: "least".to_owned(),
        password: Secret::Value("x".to_owned()),
    };
    let rig = Rig::nats(settings);
    let mut worker = Worker::new(1, 2);
    worker.words = 200;
    for round in 1..=10 {
        for _ in 0..200 {
            rig.bridge.send(worker.batch()).unwrap();
        }
        cable.cut();
        rig.until_acknowledged(round * 200);
    }
    assert!(rig.status.disconnects.load(Relaxed) > 0);
    assert_eq!(rig.status.errors(Reason::Permission), 0);
    assert_eq!(
        rig.status.errors(Reason::Other),
        0,
        "asking the stream what it has is permitted too"
    );
}

#[test]
fn missing_permissions_are_named() {
    let users = r#"authorization { users: [
        { user: mute, password: x, permissions: { publish: { allow: ["$JS.API.>"] } } }
        { user: deaf, password: x, permissions: { subscribe: { deny: ["_INBOX.>"] } } }
        { user: blind, password: x, permissions: { publish: { deny: ["$JS.API.>"] } } }
    ] }"#;
    let Some(server) = NatsServer::start_with(users) else {
        return;
    };
    let user = |name: &str| {
        let mut settings = settings(&server);
        settings.server.connect_timeout = Duration::from_millis(500);
        settings.server.authentication = Authentication::UserPassword {
            user: name.to_owned(),
            password: Secret::Value("x".to_owned()),
        };
        settings
    };
    let mute = refused(user("mute"), Reason::Permission);
    assert!(
        mute.cause.contains("arancini.fence.arancini"),
        "the first thing published: {mute}"
    );
    let deaf = refused(user("deaf"), Reason::Permission);
    assert!(deaf.cause.contains("_INBOX"), "{deaf}");
    let blind = refused(user("blind"), Reason::Permission);
    assert!(blind.cause.contains("$JS.API.STREAM.INFO.ARANCINI"), "{blind}");
}

/// Makes a CA, a server certificate for 127.0.0.1 and a client certificate; `None` without the openssl tool.
fn certificates(folder: &Path) -> Option<()> {
    let run = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder)
            .output();
        match output {
            Ok(output) => {
                assert!(
                    output.status.success(),
                    "{arguments}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                Some(())
            }
            Err(_) => {
                eprintln!("skipped: no openssl");
                None
            }
        }
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    for ca in ["ca", "stranger"] {
        run(&format!(
            "req -x509 {key} -subj /CN={ca} -keyout {ca}.key -out {ca}.pem"
        ))?;
    }
    for name in ["server", "client"] {
        run(&format!(
            "req -x509 {key} -subj /CN={name} -CA ca.pem -CAkey ca.key -keyout {name}.key -out {name}.pem \
             -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1,DNS:localhost"
        ))?;
    }
    Some(())
}

fn tls_server(folder: &Path, extra: &str) -> Option<NatsServer> {
    let at = |name: &str| folder.join(name).display().to_string();
    NatsServer::start_with(&format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", {extra} }}",
        at("server.pem"),
        at("server.key"),
        at("ca.pem")
    ))
}

#[test]
fn tls_mtls_and_tls_first() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    let Some(()) = certificates(folder.path()) else {
        return;
    };

    let Some(server) = tls_server(folder.path(), "timeout: 5") else {
        return;
    };
    let mut plain_tls = settings(&server);
    plain_tls.server.tls.ca_file = Some(at("ca.pem"));
    accepted(plain_tls.clone());
    let mut unknown = plain_tls.clone();
    unknown.server.tls.ca_file = Some(at("stranger.pem"));
    let trouble = refused(unknown, Reason::Tls);
    assert!(
        trouble.cause.contains("not trusted") && trouble.remedy.contains("tls_ca_file"),
        "{trouble}"
    );
    let mut absent = plain_tls.clone();
    absent.server.tls.ca_file = Some(at("nowhere.pem"));
    let trouble = refused(absent, Reason::Authentication);
    assert!(trouble.cause.contains("nowhere.pem"), "{trouble}");
    drop(server);

    let Some(server) = tls_server(folder.path(), "verify: true, timeout: 5") else {
        return;
    };
    let mut mutual = settings(&server);
    mutual.server.tls.ca_file = Some(at("ca.pem"));
    let trouble = refused(mutual.clone(), Reason::Tls);
    assert!(trouble.cause.contains("client certificate"), "{trouble}");
    mutual.server.tls.client_certificate = Some(ClientCertificate {
        certificate: at("client.pem"),
        key: at("client.key"),
    });
    accepted(mutual);
    drop(server);

    let Some(server) = tls_server(folder.path(), "handshake_first: true, timeout: 5") else {
        return;
    };
    let mut first = settings(&server);
    first.server.connect_timeout = Duration::from_secs(1);
    first.server.tls.ca_file = Some(at("ca.pem"));
    let trouble = refused(first.clone(), Reason::Tls);
    assert!(trouble.remedy.contains("nats.tls_first"), "{trouble}");
    first.server.tls.first = true;
    accepted(first.clone());
    drop(server);

    let Some(server) = NatsServer::start() else { return };
    first.server.urls = vec![server.url()];
    let trouble = refused(first, Reason::Tls);
    assert!(trouble.cause.contains("does not begin with TLS"), "{trouble}");
}
