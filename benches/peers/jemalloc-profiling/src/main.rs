//! jemalloc with its own heap profiler: a sample every 512 KiB. `_RJEM_MALLOC_CONF=prof:false` in the environment leaves it built in
//! and switched off.

#[global_allocator]
static ALLOC: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What jemalloc reads when it starts; a C string.
// SAFETY: the symbol is the one that tikv-jemallocator's prefixed jemalloc declares, a pointer to a C string.
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static MALLOC_CONF: &[u8; 45] = b"prof:true,prof_active:true,lg_prof_sample:19\0";

fn main() {
    workloads::Program::from_arguments().run();
}
