//! Gateways that are reached through TLS, as those behind a proxy on the internet are: whoever brings bytes to one speaks it.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::fixtures::path as fixture;
use crate::gateway::Gateway;
use crate::program::{Running, eventually, line_after, segue, segue_in, serve_arguments};
use crate::webhooks::{SOON, receiver, settings};

const FILM: &str = "films/Two languages.mp4";

/// A proxy that speaks TLS for somebody who does not.
struct Front {
    address: String,
    /// Its certificate, which nobody trusts but who is told to.
    authority: PathBuf,
    _place: TempDir,
}

impl Front {
    fn before(target: &str) -> Self {
        let place = tempfile::tempdir().expect("a temporary folder can be made");
        let authority = place.path().join("authority.pem");
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate can be made");
        fs::write(&authority, made.cert.pem()).expect("it can be written");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).expect("it is one");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
        let address =
            format!("https://localhost:{}", listener.local_addr().expect("it has an address").port());
        listener.set_nonblocking(true).expect("a socket can be told");
        let target = target.to_owned();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("it starts");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("it listens");
                while let Ok((client, _)) = listener.accept().await {
                    let (acceptor, target) = (acceptor.clone(), target.clone());
                    tokio::spawn(async move {
                        let mut client = acceptor.accept(client).await?;
                        let mut server = TcpStream::connect(target).await?;
                        copy_bidirectional(&mut client, &mut server).await
                    });
                }
            });
        });
        Self { address, authority, _place: place }
    }

    fn trusted(&self) -> [(&'static str, &OsStr); 1] {
        [("SSL_CERT_FILE", self.authority.as_os_str())]
    }
}

#[test]
fn a_film_is_sent_through_tls() {
    let gateway = Gateway::over(&[]);
    let front = Front::before(&gateway.client.0);
    let film = fixture(FILM);
    let sent = segue_in(&front.trusted(), &["upload", film.to_str().unwrap(), "--to", &front.address]).done();
    assert!(sent.stdout.starts_with(&format!("{}/watch/", front.address)), "{}", sent.stdout);
    assert!(
        gateway.get(&format!("{}/original", gateway.film("Two languages"))).body == fs::read(film).unwrap()
    );
}

#[test]
fn a_gateway_that_nobody_vouches_for_is_sent_nothing() {
    let gateway = Gateway::over(&[]);
    let front = Front::before(&gateway.client.0);
    let run = segue(&["upload", fixture(FILM).to_str().unwrap(), "--to", &front.address]).refused();
    assert!(run.stderr.contains(&front.address) && run.stderr.contains("SSL_CERT_FILE"), "{}", run.stderr);
    assert_eq!(gateway.items().len(), 0);
}

#[test]
fn a_broadcaster_and_a_provider_speak_it_too() {
    let gateway = Gateway::over(&[]);
    let front = Front::before(&gateway.client.0);
    let films = tempfile::tempdir().unwrap();
    let film = films.path().join("film.mp4");
    fs::copy(fixture(FILM), &film).unwrap();
    let (folder, data) = (films.path().to_str().unwrap(), films.path().join("replicas"));
    let said = ["broadcast", folder, "--to", &front.address, "--id", "alice", "--key", "that nobody guesses"];
    let (_broadcaster, mut lines) = Running::start_in(&front.trusted(), &said);
    line_after(&mut lines, "broadcasting 1 film").expect("it is connected");
    let said = ["provider", "--to", &front.address, "--data", data.to_str().unwrap(), "--id", "cellar"];
    let _provider = Running::start_in(&front.trusted(), &said);
    eventually("the provider is connected", || {
        let list = gateway.get("/v1/providers").with(200).json();
        (list["items"][0]["connected"] == true).then_some(())
    });
    let address = eventually("the film is offered", || {
        gateway.items().first().map(|item| format!("/v1/media/{}", item["id"].as_str().unwrap()))
    });
    eventually("it comes when it is wanted", || {
        (gateway.get(&format!("{address}/v1/1.m4s")).status == 200).then_some(())
    });
    eventually("the provider is handed it", || {
        let list = gateway.get("/v1/providers").json();
        list["items"][0]["chunks"].as_u64().filter(|chunks| *chunks > 0)
    });
}

#[test]
fn a_receiver_is_told_through_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let front = Front::before(&listener.local_addr().unwrap().to_string());
    let told = receiver(listener, Vec::new());
    let place = tempfile::tempdir().unwrap();
    let (films, data, config) =
        (place.path().join("films"), place.path().join("data"), place.path().join("segue.toml"));
    fs::create_dir(&films).unwrap();
    fs::copy(fixture("edge/moov-last.mp4"), films.join("moov-last.mp4")).unwrap();
    let address = front.address.strip_prefix("https://").unwrap();
    fs::write(&config, settings(address).replace("http:", "https:")).unwrap();
    let arguments =
        [&serve_arguments(&films, &data)[..], &[OsStr::new("--config"), config.as_os_str()]].concat();
    let _gateway = Running::start_in(&front.trusted(), &arguments);
    assert_eq!(told.recv_timeout(SOON).expect("a message comes").event(), "ready moov-last");
}
