//! The smallest HTTP/1.1 client that sends exactly what it is told: paths are not tidied and bodies not decoded.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The first header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// As `header`, and panics when there is none.
    #[track_caller]
    pub(crate) fn must(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name} in {self}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// The reply, if it has this status.
    #[track_caller]
    pub(crate) fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} {:?}", self.status, self.headers)?;
        let start = &self.body[..self.body.len().min(600)];
        write!(f, "{}", String::from_utf8_lossy(start))
    }
}

/// A server's address, `127.0.0.1:1234`.
#[derive(Debug, Clone)]
pub(crate) struct Client(pub(crate) String);

impl Client {
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[])
    }

    /// One request on its own connection.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.try_send(method, path, headers).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// As `send`, for a server that may be gone.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> std::io::Result<Reply> {
        self.try_send_with(method, path, headers, None)
    }

    /// As `send`, with a body.
    #[track_caller]
    pub(crate) fn send_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let sent = self.try_send_with(method, path, headers, Some(body));
        sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn try_send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> std::io::Result<Reply> {
        let mut stream = TcpStream::connect(&self.0)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.0);
        let length = body.map(|body| ("content-length", body.len().to_string()));
        for (name, value) in
            headers.iter().copied().chain(length.iter().map(|(name, value)| (*name, value.as_str())))
        {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes())?;
        stream.write_all(body.unwrap_or_default())?;
        read_reply(BufReader::new(stream), method)
    }
}

/// The next reply of a connection.
pub(crate) fn read_reply(mut stream: impl BufRead, method: &str) -> std::io::Result<Reply> {
    let odd = |what: &str| std::io::Error::other(what.to_owned());
    let first = line(&mut stream)?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| odd(&first))?;
    let mut headers = Vec::new();
    loop {
        let next = line(&mut stream)?;
        if next.is_empty() {
            break;
        }
        let (name, value) = next.split_once(':').ok_or_else(|| odd(&next))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let mut body = Vec::new();
    if method == "HEAD" || matches!(status, 204 | 304) {
        // Its length tells of another body.
    } else if header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        read_chunks(&mut stream, &mut body)?;
    } else if let Some(length) = header("content-length") {
        let length: usize = length.parse().map_err(|_| odd("content-length"))?;
        stream.take(length as u64).read_to_end(&mut body)?;
        if body.len() != length {
            return Err(odd("the body is shorter than its content-length"));
        }
    } else {
        stream.read_to_end(&mut body)?;
    }
    Ok(Reply { status, headers, body })
}

fn read_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let size = line(stream)?;
        let size = usize::from_str_radix(&size, 16)
            .map_err(|_| std::io::Error::other(format!("chunk size {size:?}")))?;
        let start = body.len();
        body.resize(start + size, 0);
        stream.read_exact(&mut body[start..])?;
        line(stream)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn line(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut text = String::new();
    if stream.read_line(&mut text)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
