//! Runs the `segue` program and gives back what it said.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a program that is expected to end may take before it counts as hanging: far more than a debug build needs.
const PATIENCE: &str = "60";

/// What a finished run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The run, if it ended in success; otherwise a panic with what it said.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "segue failed\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Everything it said, on both streams.
    pub(crate) fn words(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Why this run is not a clean refusal, or `None` if it is: exit 1, one line `error: ...`, and at most a `hint: ...`.
    pub(crate) fn not_a_clean_refusal(&self) -> Option<String> {
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        let (errors, rest): (Vec<&str>, Vec<&str>) =
            lines.iter().partition(|line| line.starts_with("error: "));
        let strange = rest.iter().find(|line| !line.starts_with("hint: ") && !line.starts_with("warning: "));
        match (self.code, errors.len(), strange) {
            (Some(1), 1, None) => None,
            (Some(1), _, None) => {
                Some(format!("{} lines `error: ...` instead of one: {lines:?}", errors.len()))
            }
            (Some(1), _, Some(line)) => Some(format!("said {line:?} beside its error")),
            (code, _, _) => Some(format!("ended with {code:?} instead of 1: {lines:?}")),
        }
    }

    #[track_caller]
    pub(crate) fn refused(self) -> Self {
        if let Some(why) = self.not_a_clean_refusal() {
            panic!("not refused cleanly: {why}");
        }
        self
    }
}

/// Where the program is. Panics with the way out when it isn't built.
pub(crate) fn path() -> PathBuf {
    let named = std::env::var_os("SEGUE_BIN").map(PathBuf::from);
    let beside = || {
        let test = std::env::current_exe().expect("a running test knows its own path");
        // target/debug/deps/all-<hash> -> target/debug/segue
        test.parent().and_then(Path::parent).expect("a test lies two folders below target").join("segue")
    };
    let path = named.unwrap_or_else(beside);
    assert!(
        path.is_file(),
        "no segue at {}: build it first, `cargo build --bin segue`, or name it in SEGUE_BIN",
        path.display()
    );
    path
}

/// Runs `segue` with these arguments to its end.
pub(crate) fn segue<S: AsRef<OsStr>>(arguments: &[S]) -> Run {
    segue_in(&[], arguments)
}

/// With these variables in its environment.
pub(crate) fn segue_in<S: AsRef<OsStr>>(variables: &[(&str, &OsStr)], arguments: &[S]) -> Run {
    let output = Command::new("timeout")
        .args(["--signal=KILL", PATIENCE])
        .arg(path())
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE")
        .envs(variables.iter().copied())
        .output()
        .expect("`timeout` of coreutils starts");
    let Output { status, stdout, stderr } = output;
    Run {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// `segue segment INPUT --out DIR`, and more arguments.
pub(crate) fn segment(input: &Path, out: &Path, more: &[&str]) -> Run {
    let mut arguments = vec![OsStr::new("segment"), input.as_os_str(), OsStr::new("--out"), out.as_os_str()];
    arguments.extend(more.iter().map(OsStr::new));
    segue(&arguments)
}

/// `segue verify DIR`, against its source if there is one.
pub(crate) fn verify(folder: &Path, against: Option<&Path>) -> Run {
    let mut arguments = vec![OsStr::new("verify"), folder.as_os_str()];
    if let Some(source) = against {
        arguments.extend([OsStr::new("--against"), source.as_os_str()]);
    }
    segue(&arguments)
}

/// A program that runs until it is dropped; then it is killed and waited for.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts `segue` and hands over its stdout.
    pub(crate) fn start<S: AsRef<OsStr>>(arguments: &[S]) -> (Self, BufReader<ChildStdout>) {
        Self::start_in(&[], arguments)
    }

    /// With these variables in its environment.
    pub(crate) fn start_in<S: AsRef<OsStr>>(
        variables: &[(&str, &OsStr)],
        arguments: &[S],
    ) -> (Self, BufReader<ChildStdout>) {
        let mut child = Command::new(path())
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("segue starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        (Self { child }, BufReader::new(stdout))
    }

    /// `kill -9`, now.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop, as a service manager does, and waits for its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().expect("a child can be waited for").code()
    }

    /// Sends it a signal: `STOP` and it stands still with its connections open, as a machine that hangs does, until `CONT`.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("`kill` starts");
        assert!(sent.success(), "segue had ended before SIG{name}");
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    fn end(&mut self) {
        // Either fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// `segue serve FILMS` on a port of its own choice, with its data in `data`.
pub(crate) fn serve_arguments<'a>(films: &'a Path, data: &'a Path) -> [&'a OsStr; 6] {
    let [serve, listen, address, keep] = ["serve", "--listen", "127.0.0.1:0", "--data"].map(OsStr::new);
    [serve, films.as_os_str(), listen, address, keep, data.as_os_str()]
}

/// Starts a gateway over a folder of films, and says at which address it listens.
#[track_caller]
pub(crate) fn serve(films: &Path, data: &Path) -> (Running, String) {
    serve_with(films, data, &[])
}

/// As `serve`, with more arguments.
#[track_caller]
pub(crate) fn serve_with(films: &Path, data: &Path, more: &[&OsStr]) -> (Running, String) {
    let (running, mut stdout) = Running::start(&[&serve_arguments(films, data), more].concat());
    let address = line_after(&mut stdout, "listening on http://").expect("it says where it listens");
    (running, address)
}

/// Reads lines until one begins with `start`, and gives back the rest of it. `None` when the stream ends before.
pub(crate) fn line_after(lines: &mut impl BufRead, start: &str) -> Option<String> {
    lines.lines().map_while(Result::ok).find_map(|line| line.strip_prefix(start).map(str::to_owned))
}

/// Asks again until there is an answer. For what another process does in its own time, such as noticing a new file.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
