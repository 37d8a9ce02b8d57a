//! What can go wrong when monitoring is started or stopped. (A figure that cannot be had is no error: see
//! `unavailable`.)

use std::time::Duration;
use std::{fmt, io};

/// Why [`PlatformResourceCollector`](super::PlatformResourceCollector) could not do as it was told.
#[derive(Debug)]
#[non_exhaustive]
pub enum ResourceError {
    /// `start_monitoring` was called while monitoring.
    AlreadyMonitoring,
    /// `stop_monitoring` was called while not monitoring.
    NotMonitoring,
    /// The sampling interval is outside its range.
    IntervalOutOfRange {
        /// The interval that was asked for.
        found: Duration,
        /// The shortest that is allowed.
        min: Duration,
        /// The longest that is allowed.
        max: Duration,
    },
    /// The operating system refused the sampling thread.
    ThreadNotStarted(io::Error),
    /// The sampling thread panicked; its samples are lost.
    ThreadPanicked,
    /// Monitoring was started by another process, of which this one is a fork: the sampling thread lives
    /// there.
    OtherProcess {
        /// The process that started monitoring.
        started_in: u32,
        /// This process.
        this: u32,
    },
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyMonitoring => f.write_str(
                "start_monitoring: this collector is monitoring already; call stop_monitoring first, or use a \
                 second collector",
            ),
            Self::NotMonitoring => {
                f.write_str("stop_monitoring: this collector is not monitoring; call start_monitoring first")
            }
            Self::IntervalOutOfRange { found, min, max } => {
                write!(
                    f,
                    "sampling interval: expected {min:?} to {max:?}, found {found:?}; the default is 100ms"
                )
            }
            Self::ThreadNotStarted(error) => {
                write!(f, "start_monitoring: the operating system gave no thread to sample from: {error}")
            }
            Self::ThreadPanicked => f.write_str(
                "stop_monitoring: the sampling thread panicked and its samples are lost; start_monitoring starts \
                 anew",
            ),
            Self::OtherProcess { started_in, this } => write!(
                f,
                "stop_monitoring: monitoring was started in process {started_in}, and this is its fork {this}, \
                 which has no sampling thread; call start_monitoring here, or stop in the parent"
            ),
        }
    }
}

impl std::error::Error for ResourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::ThreadNotStarted(error) => Some(error),
            _ => None,
        }
    }
}
