//! A connection that is given up when its caller stalls. actix limits the time of a connection's first
//! head and we that of bodies; what is left is a second head that drips in, a refused body that goes on
//! for ever, and an answer that nobody takes. All three are the same from here: bytes of a request
//! without an answer for too long, or an answer that does not go out.
//!
//! A caller who says nothing between two requests, or only listens, is none of these.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A stream whose reads and writes fail once its caller has stalled for too long.
pub(crate) struct Stalling<T> {
    io: T,
    limit: Duration,
    /// When the first byte came that nothing has been written after.
    unanswered_since: Option<Instant>,
    /// When a write first found no room.
    stuck_since: Option<Instant>,
    /// Wakes the connection's task. It is moved only when it has rung, so that a busy connection does
    /// not move a timer with each request.
    alarm: Pin<Box<Sleep>>,
    armed: bool,
}

impl<T> Stalling<T> {
    pub(crate) fn new(io: T, limit: Duration) -> Self {
        let alarm = Box::pin(tokio::time::sleep(limit));
        Self { io, limit, unanswered_since: None, stuck_since: None, alarm, armed: false }
    }

    /// Whether `since` is too long ago; the task is woken when it will be.
    fn is_over(&mut self, since: Instant, cx: &mut Context<'_>) -> bool {
        let deadline = since + self.limit;
        loop {
            if !self.armed {
                self.alarm.as_mut().reset(deadline);
                self.armed = true;
            }
            if self.alarm.as_mut().poll(cx).is_pending() {
                return false;
            }
            self.armed = false;
            if Instant::now() >= deadline {
                return true;
            }
        }
    }

    fn wrote(&mut self, outcome: &Poll<io::Result<usize>>, cx: &mut Context<'_>) -> io::Result<()> {
        match outcome {
            Poll::Ready(_) => (self.unanswered_since, self.stuck_since) = (None, None),
            Poll::Pending => {
                let since = *self.stuck_since.get_or_insert_with(Instant::now);
                if self.is_over(since, cx) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
        Ok(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stalling<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(since) = self.unanswered_since {
            // A flood is no answer either: it is looked at the clock with every piece of it.
            let is_over = if read.is_pending() { self.is_over(since, cx) } else { since.elapsed() >= self.limit };
            if is_over {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        ready!(read)?;
        if buf.filled().len() > before && self.unanswered_since.is_none() {
            self.unanswered_since = Some(Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Stalling<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(&written, cx)?;
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(&written, cx)?;
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
