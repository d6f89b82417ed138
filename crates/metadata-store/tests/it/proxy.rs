//! A way to a database that is cut at a chosen message.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the way is cut, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Before a COMMIT gets through.
    BeforeCommit,
    /// After it got through, before its answer comes back.
    AfterCommit,
}

/// Passes on what goes between clients and a server.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    armed: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn start(server: String, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let armed = Arc::new(AtomicBool::new(false));
        let cutting = Arc::clone(&armed);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let upstream = TcpStream::connect(&server).unwrap();
                let (client_back, upstream_back) =
                    (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                let armed = Arc::clone(&cutting);
                std::thread::spawn(move || pass_requests(client, upstream, cut, &armed));
                std::thread::spawn(move || pass_answers(upstream_back, client_back));
            }
        });
        Self { address, armed }
    }

    /// Cuts the next commit's way.
    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }
}

fn pass_requests(mut client: TcpStream, mut upstream: TcpStream, cut: Cut, armed: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let message = &buffer[..length];
        let commit = message.windows(7).any(|window| window == b"COMMIT;");
        let cutting = commit && armed.swap(false, Ordering::SeqCst);
        if cutting && cut == Cut::AfterCommit {
            // The client hears nothing more, and the server all.
            let _ = client.shutdown(Shutdown::Both);
        }
        if !cutting || cut == Cut::AfterCommit {
            upstream.write_all(message).unwrap();
        }
        if cutting {
            let _ = client.shutdown(Shutdown::Both);
            break;
        }
    }
    // The server reads to the end before it goes.
    let _ = upstream.shutdown(Shutdown::Write);
}

fn pass_answers(mut upstream: TcpStream, mut client: TcpStream) {
    let _ = std::io::copy(&mut upstream, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}
