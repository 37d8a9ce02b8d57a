//! Code addresses of a real binary, for traces whose frames are to be named from its debug information.

use super::Result;
use elf::ElfStream;
use elf::abi::STT_FUNC;
use elf::endian::AnyEndian;
use elf::note::Note;
use memscope_trace::Module;
use std::fs::File;
use std::path::Path;

/// The module that the binary at `path` would be, mapped where it was linked for, and `number` addresses in functions all over it, in
/// order: more scattered, and so dearer, than those of a program that runs.
///
/// # Errors
/// It is no ELF file, or has no symbol table, no build id, or too few functions.
pub(crate) fn sampled(path: &Path, number: usize) -> Result<(Module, Vec<i64>)> {
    let path = path.canonicalize()?;
    let mut elf = ElfStream::<AnyEndian, _>::open_stream(File::open(&path)?)?;
    let section = *elf.section_header_by_name(".note.gnu.build-id")?.ok_or("the binary has no build id")?;
    let build_id = elf.section_data_as_notes(&section)?.find_map(|note| match note {
        Note::GnuBuildId(id) => Some(id.0.to_vec()),
        _ => None,
    });
    let (symbols, _) = elf.symbol_table()?.ok_or("the binary has no symbol table")?;
    // The middle of a function: mostly behind a call of it.
    let middle = |symbol: &elf::symbol::Symbol| (symbol.st_value + symbol.st_size / 2) as i64;
    let is_function = |symbol: &elf::symbol::Symbol| symbol.st_symtype() == STT_FUNC && symbol.st_size > 16;
    let mut addresses: Vec<i64> = symbols.iter().filter(is_function).map(|symbol| middle(&symbol)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.len() < number {
        return Err(format!("expected {number} functions in the binary, found {}", addresses.len()).into());
    }
    let end = addresses[addresses.len() - 1] as u64 + (1 << 20);
    let chosen = (0..number).map(|at| addresses[at * addresses.len() / number]).collect();
    let path = path.to_str().ok_or("expected a path in UTF-8")?.to_owned();
    Ok((Module { path, build_id: build_id.unwrap_or_default(), start: 0, end, bias: 0 }, chosen))
}
