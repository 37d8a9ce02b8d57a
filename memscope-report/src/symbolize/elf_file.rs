//! What an ELF file says of itself: who it is, how much it knows of its code, and where the rest of that is.
//!
//! Only headers and two small sections are read, so that a candidate of any size costs nothing to refuse.

use elf::ElfStream;
use elf::compression::CompressionHeader;
use elf::endian::AnyEndian;
use elf::note::Note;
use elf::parse::ParseAt;
use elf::section::SectionHeader;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Larger notes and links are not read, bytes.
const SECTION_BYTES_MAX: u64 = 64 << 10;
/// A compressed section may say that it becomes so many times as large (debug information becomes two to ten times, and Zlib can do a thousand), or
/// this large: readers take that much memory before they look at it.
const EXPANSION_MAX: u64 = 1100;
const EXPANDED_BYTES_MIN: u64 = 1 << 20;
/// No section becomes larger, bytes.
const EXPANDED_BYTES_MAX: u64 = 4 << 30;

/// How much a file knows of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Detail {
    /// No names but those of dynamic symbols.
    Stripped,
    /// Functions.
    SymbolTable,
    /// Functions, files, lines, inlined calls.
    DebugInformation,
}

/// An ELF file.
#[derive(Debug)]
pub(super) struct ElfFile {
    /// Empty where it has none.
    pub(super) build_id: Vec<u8>,
    pub(super) detail: Detail,
    /// Whether a compressed section says that it becomes larger than it can: nothing of the file may be read.
    pub(super) is_bomb: bool,
    /// Whether parts of its debug information may stand in `.dwo` files or a `.dwp` package.
    pub(super) is_split: bool,
    /// The file name in `.gnu_debuglink`, of the file that its debug information was moved to.
    pub(super) debug_link: Option<String>,
    /// `.gnu_debugaltlink`: the file that has what its debug information shares with that of other binaries.
    pub(super) shared_link: Option<SharedLink>,
}

/// A link to debug information that several binaries share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SharedLink {
    /// The file's path, from the folder of the binary if it is relative.
    pub(super) path: String,
    /// The file's build id.
    pub(super) build_id: Vec<u8>,
}

impl ElfFile {
    /// Reads the headers of the file at `path`; `None` if it is no ELF file.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut elf = ElfStream::<AnyEndian, _>::open_stream(File::open(path).ok()?).ok()?;
        let is_bomb = has_bomb(&mut elf, path);
        let names: Vec<String> = {
            let (headers, names) = elf.section_headers_with_strtab().ok()?;
            let name = |at: u32| names.as_ref().and_then(|names| names.get(at as usize).ok());
            headers.iter().map(|header| name(header.sh_name).unwrap_or_default().to_owned()).collect()
        };
        let has = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&name.as_str()));
        let detail = match () {
            () if has(&[".debug_info", ".zdebug_info"]) => Detail::DebugInformation,
            () if has(&[".symtab"]) => Detail::SymbolTable,
            () => Detail::Stripped,
        };
        Some(Self {
            detail,
            is_split: has(&[".debug_addr", ".zdebug_addr"]),
            is_bomb,
            build_id: build_id(&mut elf).unwrap_or_default(),
            debug_link: debug_link(&mut elf),
            shared_link: shared_link(&mut elf),
        })
    }
}

/// Whether a compressed section claims a size that no honest one has. Its header's second word is that size, in files of 64 bits behind a reserved one.
fn has_bomb(elf: &mut ElfStream<AnyEndian, File>, path: &Path) -> bool {
    let is_compressed = |header: &SectionHeader| {
        header.sh_flags & u64::from(elf::abi::SHF_COMPRESSED) != 0 && header.sh_type != elf::abi::SHT_NOBITS
    };
    let (endianness, class) = (elf.ehdr.endianness, elf.ehdr.class);
    let compressed: Vec<SectionHeader> =
        elf.section_headers().iter().copied().filter(is_compressed).collect();
    let Ok(mut file) = File::open(path) else { return true };
    compressed.iter().any(|section| {
        let mut header = [0; 24];
        let Some(header) = header.get_mut(..CompressionHeader::size_for(class)) else { return true };
        if file.seek(SeekFrom::Start(section.sh_offset)).is_err() || file.read_exact(header).is_err() {
            return true;
        }
        let claimed =
            CompressionHeader::parse_at(endianness, class, &mut 0, header).map(|header| header.ch_size);
        let most =
            section.sh_size.saturating_mul(EXPANSION_MAX).clamp(EXPANDED_BYTES_MIN, EXPANDED_BYTES_MAX);
        claimed.is_ok_and(|claimed| claimed > most)
    })
}

/// From the section of that name; from the notes of the program headers where there are no sections.
fn build_id(elf: &mut ElfStream<AnyEndian, File>) -> Option<Vec<u8>> {
    fn of(note: Note<'_>) -> Option<Vec<u8>> {
        match note {
            Note::GnuBuildId(id) => Some(id.0.to_vec()),
            _ => None,
        }
    }
    let section = elf.section_header_by_name(".note.gnu.build-id").ok()?.copied();
    if let Some(section) = section.filter(|section| section.sh_size <= SECTION_BYTES_MAX) {
        return elf.section_data_as_notes(&section).ok()?.find_map(of);
    }
    let is_note = |header: &elf::segment::ProgramHeader| {
        header.p_type == elf::abi::PT_NOTE && header.p_filesz <= SECTION_BYTES_MAX
    };
    let segments: Vec<_> = elf.segments().iter().copied().filter(is_note).collect();
    segments.iter().find_map(|segment| elf.segment_data_as_notes(segment).ok()?.find_map(of))
}

/// The name up to its terminating zero; none that names a folder.
fn debug_link(elf: &mut ElfStream<AnyEndian, File>) -> Option<String> {
    let (name, _) = text_and_rest(elf, ".gnu_debuglink")?;
    (!name.contains('/') && name != "..").then_some(name)
}

/// A path up to its terminating zero, and a build id behind it.
fn shared_link(elf: &mut ElfStream<AnyEndian, File>) -> Option<SharedLink> {
    let (path, build_id) = text_and_rest(elf, ".gnu_debugaltlink")?;
    (!build_id.is_empty()).then_some(SharedLink { path, build_id })
}

/// What stands in a section up to its first zero, which is not nothing, and behind it.
fn text_and_rest(elf: &mut ElfStream<AnyEndian, File>, section: &str) -> Option<(String, Vec<u8>)> {
    let section = elf.section_header_by_name(section).ok()?.copied()?;
    if section.sh_size > SECTION_BYTES_MAX {
        return None;
    }
    let (data, _) = elf.section_data(&section).ok()?;
    let end = data.iter().position(|&byte| byte == 0).filter(|&end| end > 0)?;
    let text = std::str::from_utf8(&data[..end]).ok()?;
    Some((text.to_owned(), data[end + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_binary_has_debug_information_and_a_build_id() {
        let file = ElfFile::read(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(file.detail, Detail::DebugInformation);
        assert_eq!((file.build_id.len(), file.debug_link), (20, None));
    }

    #[test]
    fn a_compressed_section_that_claims_too_much_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("zlib.so");
        let mut bytes = include_bytes!("../../tests/fuzz/corpus/zlib.so").to_vec();
        std::fs::write(&path, &bytes).unwrap();
        assert!(!ElfFile::read(&path).unwrap().is_bomb);
        let mut elf = ElfStream::<AnyEndian, _>::open_stream(File::open(&path).unwrap()).unwrap();
        let section = *elf.section_header_by_name(".debug_info").unwrap().unwrap();
        let size_at = section.sh_offset as usize + 8;
        bytes[size_at..size_at + 8].copy_from_slice(&u64::from(u32::MAX).to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        assert!(ElfFile::read(&path).unwrap().is_bomb);
    }

    #[test]
    fn what_is_no_elf_file_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for content in
            [&b""[..], b"\x7fELF", b"no ELF at all, but longer than the header of one would be, by far"]
        {
            std::fs::write(&path, content).unwrap();
            assert!(ElfFile::read(&path).is_none());
        }
        // Headers that point nowhere.
        let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        bytes.truncate(4096);
        std::fs::write(&path, bytes).unwrap();
        assert!(ElfFile::read(&path).is_none());
    }
}
