//! The stream of bytes to the machine at an address: TCP, in TLS where the address says so.
//!
//! Whom to trust is what the system says; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others instead.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::either::Either;

use super::Address;

/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that the system holds and has not sent: what is more urgent comes right behind them.
const UNSENT: u32 = 64 << 10;

/// A connection.
pub(crate) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Connects.
///
/// # Errors
/// When nobody answers there in time, or it is somebody else than the address names.
pub(crate) async fn connect(address: &Address) -> io::Result<Stream> {
    let connecting = async {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        stream.set_nodelay(true)?;
        // Not every system can; then what is urgent waits a little longer.
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        if !address.secure {
            return Ok(Either::Left(stream));
        }
        let name = ServerName::try_from(address.host.clone()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(trusting().map_err(io::Error::other)?);
        Ok(Either::Right(connector.connect(name, stream).await?))
    };
    tokio::time::timeout(PATIENCE, connecting).await?
}

/// Whether an error of [`connect`] says that nobody trusted vouches for who answered.
pub(super) fn is_untrusted(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(tokio_rustls::rustls::Error::InvalidCertificate(_)))
}

/// Trusts whom the system trusts, read once.
fn trusting() -> Result<Arc<ClientConfig>, &'static str> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, &str>> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(
                "no certificate authority is known here: install ca-certificates, or name a file of them \
                        in SSL_CERT_FILE",
            );
        }
        Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
    };
    CONFIG.get_or_init(read).clone()
}
