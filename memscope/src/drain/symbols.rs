//! Names of the sampled addresses, from the modules' symbol tables: so that a trace can be read where the binaries are not.
//!
//! Only the symbol table is read, never DWARF. A module counts only if the file at its path is the one that is mapped: a regular file
//! with the same build id.

use crate::unwind::modules::LoadedModule;
use memscope_trace::{MAX_ROWS, Record, Symbols};
use object::elf::FileHeader64;
use object::read::elf::ElfFile;
use object::{Endianness, Object, ObjectSymbol, ObjectSymbolTable, ReadCache, SymbolKind};
use std::collections::HashMap;
use std::fs::File;

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
    let is_file = std::fs::metadata(&module.path).is_ok_and(|metadata| metadata.is_file());
    let file = is_file.then(|| File::open(&module.path).ok()).flatten()?;
    let cache = ReadCache::new(file);
    let elf = ElfFile::<FileHeader64<Endianness>, _>::parse(&cache).ok()?;
    if elf.build_id().ok().flatten().unwrap_or_default() != module.build_id {
        return None;
    }
    let table = elf.symbol_table().or_else(|| elf.dynamic_symbol_table())?;
    for symbol in table.symbols() {
        if symbol.kind() != SymbolKind::Text || symbol.size() == 0 {
            continue;
        }
        let start = symbol.address().wrapping_add(module.bias);
        let first = addresses.partition_point(|&address| address < start);
        let last = addresses.partition_point(|&address| address < start.saturating_add(symbol.size()));
        if first < last
            && let Ok(name) = symbol.name()
        {
            writer.push(&addresses[first..last], name, records);
        }
    }
    Some(())
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
