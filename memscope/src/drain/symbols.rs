//! Names of the sampled addresses, from the modules' symbol tables: so that a trace can be read where the binaries are not.
//!
//! Only the symbol table is read, never DWARF. A module counts only if the file at its path is the one that is mapped: a regular file
//! with the same build id. The vdso is no file, and is read from memory.

use crate::unwind::modules::LoadedModule;
use elf::endian::NativeEndian;
use elf::note::Note;
use elf::{ElfStream, abi};
use memscope_trace::{MAX_ROWS, Record, Symbols};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};

/// The longest name that is kept whole, bytes.
const MAX_NAME_BYTES: usize = 2048;
/// Bytes of names in one record.
const MAX_NAMES_BYTES: usize = 32 * 1024;

/// Adds the names of `addresses` (sorted) to `records`.
pub(crate) fn resolve(addresses: &[u64], modules: &[LoadedModule], records: &mut Vec<Record>) {
    let mut writer = SymbolWriter::default();
    for module in modules {
        let first = addresses.partition_point(|&address| address < module.start);
        let last = addresses.partition_point(|&address| address < module.end);
        if first < last {
            resolve_in(&addresses[first..last], module, &mut writer, records);
        }
    }
    writer.finish(records);
}

fn resolve_in(
    addresses: &[u64],
    module: &LoadedModule,
    writer: &mut SymbolWriter,
    records: &mut Vec<Record>,
) -> Option<()> {
    #[cfg(target_os = "linux")]
    if let Ok(Some(image)) = crate::unwind::modules::vdso::image(module) {
        // What is mapped needs no build id to tell it by.
        let elf = ElfStream::open_stream(std::io::Cursor::new(image)).ok()?;
        return name(addresses, elf, module.bias, writer, records);
    }
    let is_file = std::fs::metadata(&module.path).is_ok_and(|metadata| metadata.is_file());
    let file = is_file.then(|| File::open(&module.path).ok()).flatten()?;
    let mut elf = ElfStream::open_stream(file).ok()?;
    if build_id(&mut elf).unwrap_or_default() != module.build_id {
        return None;
    }
    name(addresses, elf, module.bias, writer, records)
}

/// Names `addresses` from the symbols of `elf`, mapped at `bias`.
fn name<S: Read + Seek>(
    addresses: &[u64],
    mut elf: ElfStream<NativeEndian, S>,
    bias: u64,
    writer: &mut SymbolWriter,
    records: &mut Vec<Record>,
) -> Option<()> {
    let has_symbols = elf.section_headers().iter().any(|section| section.sh_type == abi::SHT_SYMTAB);
    let (symbols, names) =
        if has_symbols { elf.symbol_table().ok()?? } else { elf.dynamic_symbol_table().ok()?? };
    for symbol in symbols.iter() {
        if symbol.st_symtype() != abi::STT_FUNC || symbol.st_size == 0 {
            continue;
        }
        let start = symbol.st_value.wrapping_add(bias);
        let first = addresses.partition_point(|&address| address < start);
        let last = addresses.partition_point(|&address| address < start.saturating_add(symbol.st_size));
        if first < last
            && let Ok(name) = names.get(symbol.st_name as usize)
        {
            writer.push(&addresses[first..last], name, records);
        }
    }
    Some(())
}

fn build_id(elf: &mut ElfStream<NativeEndian, File>) -> Option<Vec<u8>> {
    let section = *elf.section_header_by_name(".note.gnu.build-id").ok()??;
    elf.section_data_as_notes(&section).ok()?.find_map(|note| match note {
        Note::GnuBuildId(id) => Some(id.0.to_vec()),
        _ => None,
    })
}

/// Rows on their way into records.
#[derive(Default)]
struct SymbolWriter {
    record: Symbols,
    indexes: HashMap<String, u32>,
    last_address: u64,
    names_bytes: usize,
}

impl SymbolWriter {
    fn push(&mut self, addresses: &[u64], name: &str, records: &mut Vec<Record>) {
        let mut end = name.len().min(MAX_NAME_BYTES);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        for &address in addresses {
            if self.record.name_indexes.len() == MAX_ROWS || self.names_bytes > MAX_NAMES_BYTES {
                self.finish(records);
            }
            let next = self.record.names.len() as u32;
            let index = *self.indexes.entry(name[..end].to_owned()).or_insert_with_key(|name| {
                self.names_bytes += name.len();
                self.record.names.push(name.clone());
                next
            });
            self.record.address_deltas.push(address.wrapping_sub(self.last_address) as i64);
            self.record.name_indexes.push(index);
            self.last_address = address;
        }
    }

    fn finish(&mut self, records: &mut Vec<Record>) {
        if !self.record.name_indexes.is_empty() {
            records.push(Record::Symbols(std::mem::take(&mut self.record)));
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unwind::modules;

    #[test]
    fn names_functions_of_this_program_and_of_the_c_library() {
        let here = names_functions_of_this_program_and_of_the_c_library as fn() as usize as u64;
        // The C library's own function, through its dynamic symbols: it has no others.
        let getpid = libc::getpid as *const () as usize as u64;
        let mut addresses = [here + 1, getpid + 1];
        addresses.sort_unstable();
        let mut records = Vec::new();
        resolve(&addresses, &modules::loaded(), &mut records);
        let [Record::Symbols(symbols)] = records.as_slice() else { panic!("one record, not {records:?}") };
        let named = |wanted: &str| symbols.names.iter().any(|name| name.contains(wanted));
        assert!(named("names_functions_of_this_program") && named("getpid"), "{symbols:?}");
    }

    /// Each address in the vdso's code has the name that the image's own table has there: `clock_gettime` is one on every architecture.
    #[cfg(target_os = "linux")]
    #[test]
    fn names_functions_of_the_kernels_own_library() {
        let modules = modules::loaded();
        let vdso = modules
            .iter()
            .find(|module| module.path.contains("vdso"))
            .expect("every process on Linux has it");
        let addresses: Vec<u64> = (vdso.start..vdso.end).step_by(16).collect();
        let mut records = Vec::new();
        resolve(&addresses, &modules, &mut records);
        let [Record::Symbols(symbols)] = records.as_slice() else { panic!("one record, not {records:?}") };
        assert!(symbols.names.iter().any(|name| name.contains("clock_gettime")), "{symbols:?}");
        assert!(symbols.name_indexes.len() > 20, "{symbols:?}");
        // Other modules that are no files have none.
        assert!(modules::vdso::image(&modules[0]).expect("readable memory").is_none());
    }

    #[test]
    fn another_build_names_nothing() {
        let mut modules = modules::loaded();
        modules[0].build_id = vec![0; 20];
        let here = another_build_names_nothing as fn() as usize as u64;
        let mut records = Vec::new();
        resolve(&[here], &modules, &mut records);
        assert!(records.is_empty());
    }
}
