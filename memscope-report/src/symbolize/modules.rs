//! Which module an address lies in.

use memscope_trace::Module;

/// Modules that overlap (one unloaded, another in its place) are told apart by order; so many are looked at.
const OVERLAPS_MAX: usize = 16;

/// The modules by address.
#[derive(Debug)]
pub(crate) struct ModuleMap<'a> {
    by_start: Vec<&'a Module>,
}

impl<'a> ModuleMap<'a> {
    pub(crate) fn new(modules: &'a [Module]) -> Self {
        let mut by_start: Vec<&Module> = modules.iter().collect();
        // Stable: of two at the same place the later one comes last, and is found first.
        by_start.sort_by_key(|module| module.start);
        Self { by_start }
    }

    /// The module around `address`.
    pub(crate) fn find(&self, address: u64) -> Option<&'a Module> {
        let behind = self.by_start.partition_point(|module| module.start <= address);
        let near = self.by_start[..behind].iter().rev().take(OVERLAPS_MAX);
        near.copied().find(|module| address < module.end)
    }
}

/// Where the module's file was. Linux marks a file that was replaced while it was mapped.
pub(crate) fn path_of(module: &Module) -> &str {
    module.path.strip_suffix(" (deleted)").unwrap_or(&module.path)
}

/// The module's file name.
pub(crate) fn file_name(module: &Module) -> &str {
    path_of(module).rsplit('/').find(|part| !part.is_empty()).unwrap_or("?")
}

/// Whether the module is the C library or of its kin: never the place to blame.
pub(crate) fn is_system_library(module: &Module) -> bool {
    const PREFIXES: [&str; 11] = [
        "libc.so",
        "libc-",
        "libc.musl",
        "ld-linux",
        "ld-musl",
        "libpthread",
        "libm.so",
        "libgcc_s",
        "libstdc++",
        "linux-vdso",
        "[vdso]",
    ];
    let name = file_name(module);
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether the module is a library that came with the system or with a package manager: not the program's own code.
pub(crate) fn is_installed_library(module: &Module) -> bool {
    const FOLDERS: [&str; 5] = ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/nix/store/"];
    file_name(module).contains(".so") && FOLDERS.iter().any(|folder| module.path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, start: u64, end: u64) -> Module {
        Module { path: path.into(), build_id: Vec::new(), start, end, bias: 0 }
    }

    #[test]
    fn an_address_is_in_the_module_around_it() {
        let modules = [module("/b", 200, 300), module("/a", 100, 200), module("/a2", 100, 150)];
        let map = ModuleMap::new(&modules);
        let names = [99, 100, 149, 150, 199, 200, 299, 300].map(|address| map.find(address).map(file_name));
        let expected = [None, Some("a2"), Some("a2"), Some("a"), Some("a"), Some("b"), Some("b"), None];
        assert_eq!(names, expected);
    }

    #[test]
    fn system_libraries_are_known_by_name() {
        let is = |path| is_system_library(&module(path, 0, 1));
        assert!(
            is("/lib/x86_64-linux-gnu/libc.so.6")
                && is("/lib64/ld-linux-x86-64.so.2")
                && is("linux-vdso.so.1")
                && is("[vdso]")
        );
        assert!(!is("/srv/libcache.so") && !is("/usr/bin/server") && !is(""));
        let is = |path| is_installed_library(&module(path, 0, 1));
        assert!(is("/usr/lib/x86_64-linux-gnu/libssl.so.3") && is("/lib64/libz.so"));
        assert!(!is("/srv/app/libplugin.so") && !is("/usr/lib/app/app"));
    }
}
