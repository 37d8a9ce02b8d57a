//! The modules mapped into the process: where they lie, who they are, where their unwind rules stand.
//!
//! From `dl_iterate_phdr` and the mapped program headers, by the session's thread or the drain thread: never from a hook.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(target_os = "linux", feature = "symbols"))]
pub(crate) mod vdso;

#[cfg(target_os = "linux")]
pub(crate) use linux::{generation, loaded};

/// Addresses `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Range {
    /// From addresses of this process.
    pub(crate) fn of(start: usize, end: usize) -> Self {
        Self { start: start as u64, end: end as u64 }
    }
}

/// A mapped section: where it lies, and its bytes.
#[cfg(feature = "framehop")]
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) range: Range,
    pub(crate) bytes: SectionBytes,
}

/// Bytes of the running program itself, or a copy of those of a module that may be unloaded.
#[cfg(feature = "framehop")]
#[derive(Debug, Clone)]
pub(crate) enum SectionBytes {
    Mapped(&'static [u8]),
    // Elsewhere there are no modules.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    Copied(std::sync::Arc<[u8]>),
}

#[cfg(feature = "framehop")]
impl Default for SectionBytes {
    fn default() -> Self {
        Self::Mapped(&[])
    }
}

#[cfg(feature = "framehop")]
impl core::ops::Deref for SectionBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::Copied(bytes) => bytes,
        }
    }
}

/// A binary or shared library in memory.
#[derive(Debug, Clone)]
pub(crate) struct LoadedModule {
    pub(crate) path: String,
    pub(crate) build_id: Vec<u8>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) bias: u64,
    /// Segments that may be written to, or that the loader wrote to.
    pub(crate) writable: Vec<Range>,
    /// `.eh_frame_hdr` and `.eh_frame`.
    #[cfg(feature = "framehop")]
    pub(crate) unwind: Option<(Section, Section)>,
}

/// All modules, the program itself first: memscope knows none where it does not record.
#[cfg(not(target_os = "linux"))]
pub(crate) fn loaded() -> Vec<LoadedModule> {
    Vec::new()
}

/// As on Linux: changes whenever [`loaded`] would.
#[cfg(not(target_os = "linux"))]
pub(crate) fn generation() -> (u64, u64) {
    (0, 0)
}
