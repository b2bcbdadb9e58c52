//! Running programs of the same user, which send their numbers to this window.
//!
//! The window listens on a socket in a folder that only its user can enter. Each program has a thread of its own; what it
//! sends becomes a whole import there, at most so often, and the window takes the latest when it draws. So a program can
//! neither make the window wait nor, by ending or sending garbage, harm it.

use std::path::PathBuf;

use egui::Context;
use whyfinder_import::Import;

use super::application::Application;

/// What a running program has sent.
#[derive(Debug)]
pub(super) struct News {
    /// Which program.
    pub(super) sender: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// Numbers to come: they are shown in place of what was there.
    Begun(Box<Import>),
    /// All that have come so far.
    Changed(Box<Import>),
    Open(PathBuf),
    Gone,
}

#[cfg(unix)]
pub(super) use socket::Listener;

#[cfg(not(unix))]
#[derive(Debug, Default)]
pub(super) struct Listener;

#[cfg(not(unix))]
impl Listener {
    /// Sockets in the file system are a thing of Unix; elsewhere programs write files.
    pub(super) fn open(_ctx: &Context, _folder: Option<PathBuf>) -> Self {
        Self
    }

    pub(super) fn take(&self) -> Option<News> {
        None
    }
}

impl Application {
    /// Listens to running programs of this user: in a folder that only the user can enter, or where programs look.
    #[must_use]
    pub fn listening(mut self, ctx: &Context, folder: Option<PathBuf>) -> Self {
        self.listener = Some(Listener::open(ctx, folder));
        self
    }

    /// Takes what running programs have sent since the last frame.
    pub(super) fn take_news(&mut self, ctx: &Context) {
        while let Some(News { sender, what }) = self.listener.as_ref().and_then(Listener::take) {
            let shown = self.state.imported.as_ref().and_then(|i| i.sender) == Some(sender);
            match what {
                What::Begun(import) => {
                    self.show_import(*import);
                    if let Some(imported) = &mut self.state.imported {
                        imported.sender = Some(sender);
                        imported.connected = true;
                    }
                    ctx.send_viewport_cmd(egui::ViewportCommand::RequestUserAttention(
                        egui::UserAttentionType::Informational,
                    ));
                }
                What::Changed(import) if shown => self.update_import(*import),
                What::Open(path) => self.open_path(ctx, &path),
                What::Gone if shown => {
                    if let Some(imported) = &mut self.state.imported {
                        imported.connected = false;
                    }
                }
                What::Changed(_) | What::Gone => {}
            }
        }
    }
}

#[cfg(unix)]
mod socket {
    use std::fs::{self, DirBuilder};
    use std::io::{BufRead as _, BufReader, Read, Write};
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use crossbeam_channel::{Receiver, Sender as Channel, unbounded};
    use egui::Context;
    use whyfinder_import::live::{Heard, Sender};

    use super::{News, What};

    /// Programs that are listened to at once.
    const MOST_PROGRAMS: usize = 16;
    /// How long numbers are gathered before the window gets them.
    const GATHERED: Duration = Duration::from_millis(60);

    /// The socket, and what has come through it; the socket goes with it.
    #[derive(Debug)]
    pub(in crate::window) struct Listener {
        path: Option<PathBuf>,
        news: Receiver<News>,
        ended: Arc<AtomicBool>,
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            self.ended.store(true, Ordering::Relaxed);
            if let Some(path) = &self.path {
                fs::remove_file(path).ok();
            }
        }
    }

    impl Listener {
        /// Where there can be no socket nobody is listened to; programs then write files.
        pub(in crate::window) fn open(ctx: &Context, folder: Option<PathBuf>) -> Self {
            let (send, news) = unbounded();
            let ended = Arc::new(AtomicBool::new(false));
            let path = bind(folder).and_then(|(listener, path)| {
                let (wake, ended) = (ctx.clone(), Arc::clone(&ended));
                let spawned = std::thread::Builder::new()
                    .name("running programs".into())
                    .spawn(move || accept(&listener, &send, &wake, &ended));
                spawned.is_ok().then_some(path)
            });
            Self { path, news, ended }
        }

        pub(in crate::window) fn take(&self) -> Option<News> {
            self.news.try_recv().ok()
        }
    }

    /// The folder of sockets: in the user's own runtime folder, or one of the temporary folder that only the user can enter.
    fn folder(given: Option<PathBuf>) -> Option<PathBuf> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|v| !v.is_empty());
        let base = match (given, runtime) {
            (Some(given), _) => given,
            (None, Some(runtime)) => PathBuf::from(runtime).join("whyfinder"),
            (None, None) => {
                let user = std::env::var("USER").unwrap_or_default();
                let user: String = user.chars().filter(|c| c.is_alphanumeric()).collect();
                std::env::temp_dir().join(format!("whyfinder-{user}"))
            }
        };
        if let Err(error) = DirBuilder::new().mode(0o700).create(&base)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return None;
        }
        // Not a link, and closed to others: someone else may have made it.
        let found = fs::symlink_metadata(&base).ok()?;
        let closed = found.is_dir() && found.permissions().mode() & 0o077 == 0;
        closed.then_some(base)
    }

    fn bind(folder: Option<PathBuf>) -> Option<(UnixListener, PathBuf)> {
        let folder = self::folder(folder)?;
        let path = folder.join(format!("window-{}.sock", std::process::id()));
        forget_dead_windows(&folder);
        let listener = UnixListener::bind(&path).ok()?;
        let owned_by_us = same_owner(&folder, &path);
        if owned_by_us != Some(true) {
            fs::remove_file(&path).ok();
            return None;
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).ok()?;
        Some((listener, path))
    }

    /// Removes sockets of windows that ended without taking them along: nobody answers there.
    fn forget_dead_windows(folder: &Path) {
        let sockets = fs::read_dir(folder).into_iter().flatten().flatten();
        for path in sockets.map(|entry| entry.path()) {
            let is_socket = path.extension().is_some_and(|e| e == "sock");
            let refused = |e: std::io::Error| e.kind() == std::io::ErrorKind::ConnectionRefused;
            if is_socket && UnixStream::connect(&path).is_err_and(refused) {
                fs::remove_file(&path).ok();
            }
        }
    }

    /// What this process makes is its user's; so is the folder, if both have one owner.
    fn same_owner(folder: &Path, made: &Path) -> Option<bool> {
        Some(fs::metadata(folder).ok()?.uid() == fs::metadata(made).ok()?.uid())
    }

    /// Whether whoever has connected runs under this process's user; the folder already keeps all others out.
    #[cfg(target_os = "linux")]
    fn is_this_user(stream: &UnixStream) -> bool {
        runs_as(stream, rustix::process::geteuid())
    }

    /// As the system says it of a socket's other end.
    #[cfg(target_os = "linux")]
    fn runs_as(stream: &UnixStream, user: rustix::process::Uid) -> bool {
        let peer = rustix::net::sockopt::socket_peercred(stream);
        peer.is_ok_and(|peer| peer.uid == user)
    }

    /// Elsewhere the folder alone says it.
    #[cfg(not(target_os = "linux"))]
    fn is_this_user(_stream: &UnixStream) -> bool {
        true
    }

    fn accept(listener: &UnixListener, send: &Channel<News>, wake: &Context, ended: &AtomicBool) {
        let count = Arc::new(AtomicUsize::new(0));
        for (number, stream) in (1u64..).zip(listener.incoming()) {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            let Ok(stream) = stream else { continue };
            if !is_this_user(&stream) {
                continue;
            }
            if count.load(Ordering::Relaxed) >= MOST_PROGRAMS {
                continue;
            }
            count.fetch_add(1, Ordering::Relaxed);
            let (send, wake, left) = (send.clone(), wake.clone(), Arc::clone(&count));
            let spawned = std::thread::Builder::new()
                .name("running program".into())
                .spawn(move || {
                    serve(number, &stream, &send, &wake);
                    left.fetch_sub(1, Ordering::Relaxed);
                });
            if spawned.is_err() {
                count.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Reads through a buffer, writes at once.
    struct Line<'a> {
        from: BufReader<&'a UnixStream>,
        to: &'a UnixStream,
    }

    impl Read for Line<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.from.read(into)
        }
    }

    impl Write for Line<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.to.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            self.to.flush()
        }
    }

    fn serve(number: u64, stream: &UnixStream, send: &Channel<News>, wake: &Context) {
        // A program that does not read its answers is not waited for.
        stream.set_write_timeout(Some(Duration::from_secs(5))).ok();
        let mut line = Line {
            from: BufReader::new(stream),
            to: stream,
        };
        let mut sender = Sender::default();
        let mut unsent = false;
        let mut pause = GATHERED;
        let mut sent = Instant::now();
        let tell = |what| {
            // Fails only if the window is gone.
            send.send(News {
                sender: number,
                what,
            })
            .ok();
            wake.request_repaint();
        };
        loop {
            // Nothing more for a while: what has come is shown, then waited on.
            let patience = unsent.then_some(pause);
            stream.set_read_timeout(patience).ok();
            if unsent && line.from.buffer().is_empty() && !comes(&mut line.from) {
                show(&sender, &mut unsent, &mut pause, &mut sent, &tell);
                continue;
            }
            stream.set_read_timeout(None).ok();
            match sender.listen(&mut line) {
                None => break,
                Some(Heard::Nothing) => {}
                Some(Heard::Begun) => {
                    if let Ok(import) = sender.import() {
                        tell(What::Begun(Box::new(import)));
                    }
                    sent = Instant::now();
                }
                Some(Heard::Changed) => {
                    unsent = true;
                    if sent.elapsed() >= pause {
                        show(&sender, &mut unsent, &mut pause, &mut sent, &tell);
                    }
                }
                Some(Heard::Open) => {
                    if let Some(path) = sender.to_open() {
                        tell(What::Open(path));
                    }
                }
            }
        }
        if unsent {
            show(&sender, &mut unsent, &mut pause, &mut sent, &tell);
        }
        tell(What::Gone);
    }

    /// Whether anything comes within the time limit of reading, be it the end.
    fn comes(from: &mut BufReader<&UnixStream>) -> bool {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        let filled = from.fill_buf().map(<[u8]>::len);
        !filled.is_err_and(|e| matches!(e.kind(), WouldBlock | TimedOut))
    }

    /// Large numbers are put together less often, so that most of the time is left for reading.
    fn show(
        sender: &Sender,
        unsent: &mut bool,
        pause: &mut Duration,
        sent: &mut Instant,
        tell: &impl Fn(What),
    ) {
        let began = Instant::now();
        if let Ok(import) = sender.import() {
            tell(What::Changed(Box::new(import)));
        }
        *unsent = false;
        *pause = GATHERED.max(began.elapsed() * 4);
        *sent = Instant::now();
    }

    #[cfg(all(test, target_os = "linux"))]
    mod tests {
        use super::*;

        #[test]
        fn only_programs_of_this_user_are_heard() {
            let (one, _other) = UnixStream::pair().expect("a pair");
            assert!(is_this_user(&one));
            let own = rustix::process::geteuid().as_raw();
            let someone_else = rustix::process::Uid::from_raw(own + 1);
            assert!(!runs_as(&one, someone_else));
        }

        #[test]
        fn a_folder_that_others_can_enter_gets_no_socket() {
            let place = tempfile::tempdir().expect("a folder");
            let open = place.path().join("open");
            fs::create_dir(&open).expect("a folder");
            fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).expect("set");
            assert!(bind(Some(open)).is_none());
            let (_, path) = bind(Some(place.path().join("own"))).expect("a socket");
            assert_eq!(
                fs::metadata(path).expect("there").permissions().mode() & 0o777,
                0o600
            );
        }
    }
}
