//! From a trace to files: the page and its charts.
//!
//! Nothing is written before the trace has been read. Each file is written beside its place, and all are renamed into
//! theirs when they are complete (`staging.rs`), so that a reader never sees half of one, a full disk leaves nothing half done, and a
//! link that stands in a file's place is replaced, not followed. What is
//! written may hold names from the program, so only its owner can read it: files 0600, new folders 0700.

use crate::analysis::{Analysis, analyze, site_lifetimes};
use crate::chart::{Drawing, draw_all};
use crate::error::ReportError;
use crate::load::{Profile, open_file};
use crate::page;
use crate::progress::{Progress, Stage};
use crate::staging::Staging;
use crate::summary::Summary;
use crate::symbolize::{SymbolizeOptions, symbolize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// The longest trace that is read twice, for lifetimes of call sites: half a second of work.
const READ_TWICE_MAX_BYTES: u64 = 256 << 20;

/// How a report is made.
///
/// ```
/// use memscope_report::RenderOptions;
/// let options = RenderOptions::default().dwarf(false).symbols_dir("target/release");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RenderOptions {
    /// Folders with binaries or debug files, searched by file name and by `.build-id/xx/yyyy.debug`.
    pub symbols_dirs: Vec<PathBuf>,
    /// Whether to read DWARF (without the feature `dwarf` it is never read).
    pub dwarf: bool,
    /// Where names read from debug information are kept for the next report; see
    /// [`SymbolizeOptions::cache_dir`](crate::SymbolizeOptions::cache_dir).
    pub symbol_cache_dir: Option<PathBuf>,
    /// Whether stacks keep the frames that lead to the allocator; see
    /// [`SymbolizeOptions::all_frames`](crate::SymbolizeOptions::all_frames).
    pub all_frames: bool,
    /// Told how far the work is.
    pub progress: Progress,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            symbols_dirs: Vec::new(),
            dwarf: true,
            symbol_cache_dir: None,
            all_frames: false,
            progress: Progress::default(),
        }
    }
}

impl RenderOptions {
    /// Also looks for binaries and debug files in `dir`.
    #[must_use]
    pub fn symbols_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.symbols_dirs.push(dir.into());
        self
    }

    /// Reads DWARF or leaves it.
    #[must_use]
    pub fn dwarf(mut self, read: bool) -> Self {
        self.dwarf = read;
        self
    }

    /// Keeps names that were read from debug information in `dir`, and takes those that are there.
    #[must_use]
    pub fn symbol_cache_dir(mut self, dir: Option<PathBuf>) -> Self {
        self.symbol_cache_dir = dir;
        self
    }

    /// Shows stacks whole, or from the program's code on.
    #[must_use]
    pub fn all_frames(mut self, show: bool) -> Self {
        self.all_frames = show;
        self
    }

    /// Tells `progress` how far the work is.
    #[must_use]
    pub fn progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }
}

/// A report that was written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rendered {
    /// The page.
    pub index_html: PathBuf,
    /// The charts as files of their own.
    pub charts: Vec<PathBuf>,
    /// What matters, as text.
    pub summary: Summary,
    /// Everything that the page shows.
    pub analysis: Analysis,
    /// Whether blocks inside the trace were damaged or lost; a trace that was only cut at its end is not damaged.
    pub damaged: bool,
}

/// Reads the trace at `trace` and writes `index.html` and one SVG file for each chart into `output_dir`, which is
/// made if it is not there.
///
/// # Errors
/// [`ReportError`] if the trace cannot be opened or is none, if the folder is something else (a file, a link) or
/// cannot be made, or if a file in it cannot be written.
pub fn render(
    trace: impl AsRef<Path>,
    output_dir: impl AsRef<Path>,
    options: &RenderOptions,
) -> Result<Rendered, ReportError> {
    let output_dir = output_dir.as_ref();
    write_report(trace.as_ref(), &output_dir.join("index.html"), output_dir, options)
}

/// Reads the trace at `trace` and writes the page to the file `html`, and one SVG file for each chart into
/// `charts_dir`. Folders are made if they are not there. The page holds its charts itself.
///
/// # Errors
/// As for [`render`](render()).
pub fn render_page(
    trace: impl AsRef<Path>,
    html: impl AsRef<Path>,
    charts_dir: impl AsRef<Path>,
    options: &RenderOptions,
) -> Result<Rendered, ReportError> {
    write_report(trace.as_ref(), html.as_ref(), charts_dir.as_ref(), options)
}

fn write_report(
    trace: &Path,
    html: &Path,
    charts_dir: &Path,
    options: &RenderOptions,
) -> Result<Rendered, ReportError> {
    let profile = load(trace, &options.progress)?;
    make_folder(charts_dir)?;
    if let Some(parent) =
        html.parent().filter(|parent| *parent != charts_dir && !parent.as_os_str().is_empty())
    {
        create_folder(parent)?;
    }
    let symbols = symbolize(
        &profile,
        &SymbolizeOptions {
            dwarf: options.dwarf,
            symbols_dirs: options.symbols_dirs.clone(),
            cache_dir: options.symbol_cache_dir.clone(),
            all_frames: options.all_frames,
            progress: options.progress.clone(),
        },
    );
    let mut analysis = analyze(&profile, &symbols);
    read_site_lifetimes(&mut analysis, &profile, trace)?;
    let drawings = draw_all(&analysis).map_err(ReportError::Draw)?;
    let mut staging = Staging::default();
    let charts = write_charts(&drawings, charts_dir, &mut staging)?;
    staging.write(html, |out| page::write(out, &analysis, &drawings))?;
    staging.publish()?;
    Ok(Rendered {
        index_html: html.to_owned(),
        charts,
        summary: Summary::new(&analysis),
        analysis,
        damaged: profile.is_damaged(),
    })
}

/// Reads the lifetimes of the sites that the page shows, unless that would take long.
pub(crate) fn read_site_lifetimes(
    analysis: &mut Analysis,
    profile: &Profile,
    trace: &Path,
) -> Result<(), ReportError> {
    if profile.read.bytes <= READ_TWICE_MAX_BYTES {
        let lifetimes = site_lifetimes(open_file(trace)?.0, profile, analysis, page::MOST_SITES);
        analysis.site_lifetimes = lifetimes.map_err(|error| error.at(trace))?;
    }
    Ok(())
}

fn write_charts(
    drawings: &[Drawing],
    dir: &Path,
    staging: &mut Staging,
) -> Result<Vec<PathBuf>, ReportError> {
    let mut charts = Vec::with_capacity(drawings.len());
    for drawing in drawings {
        let path = dir.join(format!("{}.svg", drawing.name));
        staging.write(&path, |out| out.write_all(drawing.svg.as_bytes()))?;
        charts.push(path);
    }
    Ok(charts)
}

/// Reads the trace, telling how much of the file is behind.
pub(crate) fn load(trace: &Path, progress: &Progress) -> Result<Profile, ReportError> {
    let open = || {
        let (file, total) = open_file(trace)?;
        Ok(Counted { file, done: 0, total, progress })
    };
    let bytes = open()?.total;
    Profile::from_file(bytes, open).map_err(|error| error.at(trace))
}

struct Counted<'a> {
    file: File,
    done: u64,
    total: u64,
    progress: &'a Progress,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.done += read as u64;
        self.progress.tell(Stage::Load, self.done, self.total.max(self.done));
        Ok(read)
    }
}

/// Makes the folder `path` unless it is there; refuses anything else that is.
pub(crate) fn make_folder(path: &Path) -> Result<(), ReportError> {
    let found = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(metadata) if metadata.is_symlink() => "a symbolic link (pass the folder that it leads to)",
        Ok(metadata) if metadata.is_file() => "a file",
        Ok(_) => "a pipe, socket or device",
        Err(_) => return create_folder(path),
    };
    Err(ReportError::NotAFolder { path: path.to_owned(), found })
}

fn create_folder(path: &Path) -> Result<(), ReportError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| ReportError::Write { path: path.to_owned(), source })
}

/// Writes what `content` writes to a new file and renames it to `path`.
#[cfg_attr(
    not(any(feature = "export", feature = "cli")),
    allow(dead_code, reason = "for exports and the command")
)]
pub(crate) fn write_file(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), ReportError> {
    let refused = |source| ReportError::Write { path: path.to_owned(), source };
    // A device or a pipe takes what is written to it; nothing may take its place.
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let mut out = BufWriter::new(OpenOptions::new().write(true).open(path).map_err(refused)?);
        return content(&mut out).and_then(|()| out.flush()).map_err(refused);
    }
    let (temporary, file) = create_beside(path).map_err(refused)?;
    let mut out = BufWriter::new(file);
    let written = content(&mut out).and_then(|()| out.flush()).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // It is ours and of no use; that it cannot be removed either adds nothing to the error.
        let _ = fs::remove_file(&temporary);
        refused(source)
    })
}

/// A new file in the folder of `path`, for the owner only.
pub(crate) fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy().into_owned();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // One left behind by a process of the same number is passed over.
    let mut attempt = 0;
    loop {
        let temporary = path.with_file_name(format!(".{name}.{}-{attempt}.tmp", std::process::id()));
        match options.open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_written_to_and_stays() {
        use std::os::unix::fs::FileTypeExt;
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        write_file(&pipe, |out| out.write_all(b"figures")).unwrap();
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(reader.join().unwrap(), "figures");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_modes_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        let folder = dir.path().join("new/report");
        make_folder(&folder).unwrap();
        let path = folder.join("index.html");
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        write_file(&path, |out| out.write_all(b"page")).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
        assert_eq!(fs::read_to_string(&path).unwrap(), "page");
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder)), (0o600, 0o700));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(matches!(make_folder(&link), Err(ReportError::NotAFolder { .. })));
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.html");
        let result = write_file(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert!(matches!(result, Err(ReportError::Write { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_temporary_file_left_behind_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.html");
        let (left, _) = create_beside(&path).unwrap();
        let (other, _) = create_beside(&path).unwrap();
        assert_ne!(left, other);
    }
}
