//! A proxy for one connection that has a fault. It runs on plain threads.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

/// What the proxy does with the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Passes it on.
    None,
    /// Waits before each part of it.
    Delay(Duration),
    /// Closes the connection after this many bytes.
    CutAfter(usize),
    /// Resets the connection after this many bytes.
    ResetAfter(usize),
    /// Closes its write side at once, and continues to read.
    HalfClose,
    /// Passes nothing on.
    Silence,
    /// No proxy listens.
    Gone,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
    /// Set to end it.
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts a proxy in front of `server`.
    pub(crate) fn start(server: SocketAddr, fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = match fault {
            Fault::Gone => None,
            fault => Some(thread::spawn(move || {
                serve(&listener, server, fault, &told);
            })),
        };
        Self {
            address,
            thread,
            over,
        }
    }

    /// Returns its address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the proxy, and waits until it has ended.
    pub(crate) fn stop(self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread {
            thread.join().expect("it does not fail");
        }
    }
}

/// Passes one connection on, with the fault.
fn serve(listener: &TcpListener, server: SocketAddr, fault: Fault, over: &AtomicBool) {
    let (mut client, _) = listener.accept().expect("the client");
    if let Fault::Silence = fault {
        while !over.load(Ordering::Acquire) {
            thread::yield_now();
        }
        return;
    }
    let mut upstream = TcpStream::connect(server).expect("the server");
    let mut request = [0; 64];
    client.read_exact(&mut request).expect("the request");
    upstream.write_all(&request).expect("the server reads");
    if let Fault::HalfClose = fault {
        client.shutdown(Shutdown::Write).expect("it is open");
        drop(client.read(&mut request));
        return;
    }
    let limit = match fault {
        Fault::CutAfter(limit) | Fault::ResetAfter(limit) => limit,
        _ => request.len(),
    };
    let mut answer = vec![0; limit];
    upstream.read_exact(&mut answer).expect("an answer");
    for part in answer.chunks(16) {
        if let Fault::Delay(delay) = fault {
            thread::sleep(delay);
        }
        client.write_all(part).expect("the client reads");
    }
    if let Fault::ResetAfter(_) = fault {
        let at_once = Some(Duration::ZERO);
        SockRef::from(&client)
            .set_linger(at_once)
            .expect("a setting");
    }
}
