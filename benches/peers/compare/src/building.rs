//! Builds the programs: one call of cargo for each package, so that no package's features reach into another's.

use crate::Result;
use crate::rows::{Package, Row};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the built programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// The row's program.
    pub(crate) fn path(&self, row: &Row) -> PathBuf {
        self.folder.join(row.binary)
    }
}

/// Builds what the rows need.
pub(crate) fn build(rows: &[&Row], profile: &str, frame_pointers: bool) -> Result<Programs> {
    if !["release", "max"].contains(&profile) {
        return Err(format!("expected the profile release or max, found {profile}"));
    }
    let target = target_folder(frame_pointers)?;
    for package in [Package::Programs, Package::JemallocProfiling, Package::DefaultFeature] {
        let mut binaries: Vec<&str> =
            rows.iter().filter(|row| row.package == package).map(|row| row.binary).collect();
        binaries.sort_unstable();
        binaries.dedup();
        if !binaries.is_empty() {
            build_package(package, &binaries, profile, &target, frame_pointers)?;
        }
    }
    Ok(Programs { folder: target.join(profile) })
}

/// Cargo's target folder: this program stands in `release/` of it.
fn target_folder(frame_pointers: bool) -> Result<PathBuf> {
    let own =
        std::env::current_exe().map_err(|error| format!("cannot tell where this program is: {error}"))?;
    let target = own.parent().and_then(Path::parent);
    let target =
        target.ok_or_else(|| format!("expected this program in a target folder, found {}", own.display()))?;
    Ok(if frame_pointers { target.join("frame-pointers") } else { target.to_path_buf() })
}

fn build_package(
    package: Package,
    binaries: &[&str],
    profile: &str,
    target: &Path,
    frame_pointers: bool,
) -> Result<()> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let (manifest, name) = match package {
        Package::Programs => (peers.join("Cargo.toml"), "programs"),
        Package::JemallocProfiling => (peers.join("Cargo.toml"), "jemalloc-profiling"),
        Package::DefaultFeature => (peers.join("default-feature/Cargo.toml"), "default-feature"),
    };
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(["build", "--quiet", "--profile", profile, "--package", name, "--manifest-path"]);
    command.arg(manifest).arg("--target-dir").arg(target);
    command.args(binaries.iter().flat_map(|binary| ["--bin", binary]));
    if frame_pointers {
        command.env("RUSTFLAGS", "-C force-frame-pointers=yes");
    }
    eprintln!("building {} ({profile})", binaries.join(", "));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo could not build {name}: {status}; its messages are above")),
        Err(error) => Err(format!("cannot run cargo: {error}; start this program with `cargo run`")),
    }
}
