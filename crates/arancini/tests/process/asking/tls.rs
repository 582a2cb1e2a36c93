//! The control port with TLS, asked by `arancini show` and by curl.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use arancini_collector::config::{AttributesKind, ClientsMay, Config};
use rustix::process::Signal;

use crate::command::{Process, arancini};
use crate::support::{Rig, eventually};

/// A folder with certificates: of `ca`, those for `server`, `renewed` and `client`; of `stranger`, that for `foreign`.
struct Certificates(tempfile::TempDir);

impl Certificates {
    /// Makes them; `None` without the openssl tool.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &str| {
            let mut command = Command::new("openssl");
            let command = command.args(arguments.split(' ')).current_dir(folder.path());
            let Ok(output) = command.output() else {
                println!("skipped: no openssl");
                return None;
            };
            assert!(output.status.success(), "{arguments}: {output:?}");
            Some(())
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
        for ca in ["ca", "stranger"] {
            run(&format!(
                "req -x509 {key} -subj /CN={ca} -keyout {ca}.key -out {ca}.pem"
            ))?;
        }
        for (name, ca) in [
            ("server", "ca"),
            ("renewed", "ca"),
            ("client", "ca"),
            ("foreign", "stranger"),
        ] {
            run(&format!(
                "req -x509 {key} -subj /CN={name} -CA {ca}.pem -CAkey {ca}.key -keyout {name}.key -out {name}.pem \
                 -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1,DNS:localhost"
            ))?;
        }
        Some(Self(folder))
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn text(&self, file: &str) -> String {
        self.path(file).to_str().unwrap().to_owned()
    }

    fn set(&self, config: &mut Config) {
        config.control.tls_cert_file = Some(self.path("server.pem"));
        config.control.tls_key_file = Some(self.path("server.key"));
    }
}

fn show(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = arancini();
    command
        .arg("show")
        .args(arguments)
        .envs(environment.iter().copied());
    command.output().unwrap()
}

fn errors(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The status that curl gets; `None` without curl.
fn curl(arguments: &[&str]) -> Option<u16> {
    let mut command = Command::new("curl");
    let format = ["-s", "-o", "/dev/null", "-w", "%{http_code}"];
    let Ok(output) = command.args(format).args(arguments).output() else {
        println!("skipped: no curl");
        return None;
    };
    let status = String::from_utf8(output.stdout).unwrap();
    Some(status.parse().unwrap())
}

#[test]
fn a_client_certificate_of_the_ca_opens_the_api_and_nothing_else_does() {
    let Some(certificates) = Certificates::new() else {
        return;
    };
    let text = |file| certificates.text(file);
    for may in [ClientsMay::Read, ClientsMay::Act] {
        let rig = Rig::start(|config| {
            // All addresses of this host, as a collector that others ask.
            config.control.address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
            config.rib.attributes = AttributesKind::Retain;
            certificates.set(config);
            config.control.tls_client_ca_file = Some(certificates.path("ca.pem"));
            config.control.tls_clients_may = may;
        });
        let port = rig.control().port();
        let https = format!("https://127.0.0.1:{port}");
        let asked = |more: &[&str]| show(&[&["routers", "--control", &https], more].concat(), &[]);
        let (ca, cert, key) = (text("ca.pem"), text("client.pem"), text("client.key"));
        let right = ["--ca-file", &ca, "--cert-file", &cert, "--key-file", &key];
        let shown = asked(&right);
        assert!(shown.status.success(), "{shown:?}");
        assert!(shown.stderr.starts_with(b"nothing was found"), "{shown:?}");
        let without = errors(&asked(&["--ca-file", &ca]));
        assert!(without.contains("control.tls_client_ca_file"), "{without}");
        let (cert, key) = (text("foreign.pem"), text("foreign.key"));
        let foreign = ["--ca-file", &ca, "--cert-file", &cert, "--key-file", &key];
        let refused = errors(&asked(&foreign));
        assert!(
            refused.contains("refuses the certificate of this client"),
            "{refused}"
        );
        let untrusted = errors(&asked(&[]));
        assert!(untrusted.contains("--ca-file"), "{untrusted}");
        let plain = errors(&show(
            &["routers", "--control", &format!("http://127.0.0.1:{port}")],
            &[],
        ));
        assert!(plain.contains("https://"), "{plain}");

        let (cert, key) = (text("client.pem"), text("client.key"));
        let own = ["--cacert", &ca, "--cert", &cert, "--key", &key];
        let get = |more: &[&str], path: &str| curl(&[more, &[&*format!("{https}{path}")]].concat());
        let Some(read) = get(&own, "/api/v1/routers") else {
            return;
        };
        assert_eq!(read, 200);
        assert_eq!(get(&own[..2], "/api/v1/routers"), Some(401));
        // Probes and Prometheus have no certificate.
        for path in ["/metrics", "/healthz", "/readyz"] {
            assert_eq!(get(&own[..2], path), Some(200), "{path}");
        }
        let act = [&own[..], &["-X", "POST"]].concat();
        let acted = get(&act, "/api/v1/routers/192.0.2.9/resync");
        let expected = match may {
            ClientsMay::Read => 403,
            ClientsMay::Act => 404,
        };
        assert_eq!(acted, Some(expected), "{may:?}");
    }
}

#[test]
fn on_its_own_host_show_trusts_exactly_the_configured_certificate() {
    let Some(certificates) = Certificates::new() else {
        return;
    };
    let rig = Rig::start(|config| certificates.set(config));
    let address = rig.control().to_string();
    let configured = |cert: &str| {
        let (cert, key) = (
            certificates.text(&format!("{cert}.pem")),
            certificates.text(&format!("{cert}.key")),
        );
        let environment = [
            ("ARANCINI_CONTROL__ADDRESS", &*address),
            ("ARANCINI_CONTROL__TLS_CERT_FILE", &cert),
            ("ARANCINI_CONTROL__TLS_KEY_FILE", &key),
        ];
        show(&["workers"], &environment)
    };
    let shown = configured("server");
    assert!(shown.status.success(), "{shown:?}");
    // Of the same CA, for the same name.
    let other = errors(&configured("renewed"));
    assert!(other.contains("SIGHUP"), "{other}");
}

#[test]
fn whoever_asks_need_not_read_the_private_key_and_the_tokens() {
    let Some(certificates) = Certificates::new() else {
        return;
    };
    let rig = Rig::start(|config| certificates.set(config));
    let (address, cert) = (rig.control().to_string(), certificates.text("server.pem"));
    let hidden = certificates.text("of-another-user");
    let shown = show(
        &["workers"],
        &[
            ("ARANCINI_CONTROL__ADDRESS", &*address),
            ("ARANCINI_CONTROL__TLS_CERT_FILE", &cert),
            ("ARANCINI_CONTROL__TLS_KEY_FILE", &hidden),
            ("ARANCINI_CONTROL__ACT_TOKEN_FILE", &hidden),
        ],
    );
    assert!(shown.status.success(), "{shown:?}");
}

#[test]
fn a_key_with_a_password_and_a_certificate_of_version_1_are_named_as_such() {
    let Some(certificates) = Certificates::new() else {
        return;
    };
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        let output = command
            .args(arguments.split(' '))
            .current_dir(certificates.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
    };
    openssl("pkey -in server.key -aes128 -passout pass:secret -out locked.key");
    openssl("req -new -key server.key -subj /CN=server -out server.csr");
    openssl("x509 -req -in server.csr -signkey server.key -days 2 -out old.pem");
    let version = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(certificates.path("old.pem"))
        .output()
        .unwrap();
    let is_version_1 = String::from_utf8_lossy(&version.stdout).contains("Version: 1 ");
    // Some versions of openssl make version 3 here.
    let old = is_version_1.then_some(("old.pem", "server.key", "X.509 version 1"));
    let locked = ("server.pem", "locked.key", "encrypted with a password");
    for (cert, key, expected) in [Some(locked), old].into_iter().flatten() {
        let mut command = arancini();
        command
            .args(["run", "--sink", "null", "--listen", "127.0.0.1:0"])
            .env("ARANCINI_CONTROL__TLS_CERT_FILE", certificates.path(cert))
            .env("ARANCINI_CONTROL__TLS_KEY_FILE", certificates.path(key));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(expected), "{errors}");
    }
}

#[test]
fn a_certificate_of_a_ca_that_was_replaced_opens_nothing_on_an_open_connection() {
    let Some(certificates) = Certificates::new() else {
        return;
    };
    let copy = |from: &str| std::fs::copy(certificates.path(from), certificates.path("clients.pem")).unwrap();
    copy("ca.pem");
    let text = |file| certificates.text(file);
    let (cert, key, clients) = (text("server.pem"), text("server.key"), text("clients.pem"));
    let process = Process::start(
        &["--sink", "null"],
        &[
            ("ARANCINI_CONTROL__TLS_CERT_FILE", &*cert),
            ("ARANCINI_CONTROL__TLS_KEY_FILE", &key),
            ("ARANCINI_CONTROL__TLS_CLIENT_CA_FILE", &clients),
        ],
    );
    let mut client = Command::new("openssl");
    let client = client
        .args(["s_client", "-quiet", "-connect", &process.control().to_string()])
        .args(["-cert", &text("client.pem"), "-key", &text("client.key")]);
    let mut client = client
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut input, output) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
    let mut output = BufReader::new(output);
    let mut status = || {
        input
            .write_all(b"GET /api/v1/workers HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        loop {
            let mut line = String::new();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the connection ended");
            // The body before has no end of line.
            if let Some((_, status)) = line.split_once("HTTP/1.1 ") {
                return status.split(' ').next().unwrap().to_owned();
            }
        }
    };
    assert_eq!(status(), "200");
    // A reload for another reason changes nothing.
    process.signal(Signal::HUP);
    eventually("the files are read again", || {
        process.line("configuration read again; limits.allow, log.level, and token and certificate of the control port are in use").is_some()
    });
    assert_eq!(status(), "200");
    copy("stranger.pem");
    process.signal(Signal::HUP);
    eventually("the certificate does not count any more", || status() == "401");
    client.kill().unwrap();
    client.wait().unwrap();
}

#[test]
fn a_renewed_certificate_is_used_from_sighup_on() {
    let Some(certificates) = Certificates::new() else {
        return;
    };
    let copy = |from: &str| {
        for end in ["pem", "key"] {
            let to = certificates.path(&format!("used.{end}"));
            std::fs::copy(certificates.path(&format!("{from}.{end}")), to).unwrap();
        }
    };
    copy("server");
    let (cert, key) = (certificates.text("used.pem"), certificates.text("used.key"));
    let environment = [
        ("ARANCINI_CONTROL__TLS_CERT_FILE", &*cert),
        ("ARANCINI_CONTROL__TLS_KEY_FILE", &*key),
    ];
    let process = Process::start(&["--sink", "null"], &environment);
    let address = process.control().to_string();
    let shows = |name: &str| {
        let (cert, key) = (
            certificates.text(&format!("{name}.pem")),
            certificates.text(&format!("{name}.key")),
        );
        let environment = [
            ("ARANCINI_CONTROL__ADDRESS", &*address),
            ("ARANCINI_CONTROL__TLS_CERT_FILE", &cert),
            ("ARANCINI_CONTROL__TLS_KEY_FILE", &key),
        ];
        show(&["workers"], &environment).status.success()
    };
    assert!(shows("server"));
    copy("renewed");
    process.signal(Signal::HUP);
    eventually("the port has the new certificate", || shows("renewed"));
    assert!(!shows("server"));

    // Half a renewal: the key does not belong to the certificate.
    std::fs::copy(certificates.path("server.key"), Path::new(&key)).unwrap();
    process.signal(Signal::HUP);
    let wrong = "configuration not read again: it has errors, so all settings stay as they are";
    eventually("the error is logged", || process.line(wrong).is_some());
    assert!(shows("renewed"), "the certificate before stays in use");
}
