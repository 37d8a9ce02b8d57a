//! The operating system's figures over time.

use super::types::ResourcePoint;
use crate::load::Profile;

/// The points of the profile, in order.
pub(super) fn resources(profile: &Profile) -> Vec<ResourcePoint> {
    let points = profile.resources.iter().map(|point| ResourcePoint {
        time_us: point.time_us,
        rss_bytes: point.rss_bytes,
        cpu_user_us: point.cpu_user_us,
        cpu_system_us: point.cpu_system_us,
        threads: point.threads,
        voluntary_switches: point.voluntary_switches,
        involuntary_switches: point.involuntary_switches,
        minor_faults: point.minor_faults,
        major_faults: point.major_faults,
        read_bytes: point.read_bytes,
        written_bytes: point.written_bytes,
        cgroup_usage_bytes: point.cgroup_usage_bytes,
        cgroup_limit_bytes: point.cgroup_limit_bytes,
    });
    points.collect()
}
