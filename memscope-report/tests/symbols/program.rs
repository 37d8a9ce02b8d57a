//! Small real programs, each built once: what is asked of them is in [`HOST`].

use memscope_report::analysis::Frame;
use memscope_report::{Profile, SymbolizeOptions, symbolize};
use memscope_trace::{Module, Modules, Record, Session, Symbols};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A program that says where its modules are mapped, where its function `outer` and that of its plugin are, and from
/// where a vector is allocated.
const HOST: &str = include_str!("host.rs.txt");
/// The line of `outer`'s call of `inner`, and of `inner`'s body, in host and plugin.
pub(crate) const OUTER_LINE: u32 = 5;
pub(crate) const INNER_LINE: u32 = 9;

/// A library that the host takes from a registry, named like one that many programs use.
const LIBRARY: &str = r"
#[inline(never)]
pub fn parse(each: &mut dyn FnMut(&mut Vec<u64>)) -> usize {
    let mut values = Vec::new();
    each(&mut values);
    values.push(1);
    values.len()
}
";

/// A shared library of the program's own.
const PLUGIN: &str = r#"
mod deep {
    #[inline(never)]
    pub fn outer<T: Into<u64>>(value: T) -> u64 {
        inner(value.into()) + 1
    }
    #[inline(always)]
    fn inner(value: u64) -> u64 {
        std::hint::black_box(std::hint::black_box(value).rotate_left(7) ^ 0x55)
    }
}
#[unsafe(no_mangle)]
pub extern "C" fn plugin() -> usize {
    deep::outer(std::hint::black_box(3_u32));
    deep::outer::<u32> as fn(u32) -> u64 as usize
}
"#;

/// What a program said when it ran.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) modules: Vec<Module>,
    /// Where the host's `outer` is, and the plugin's.
    pub(crate) outer: u64,
    pub(crate) plugin_outer: u64,
    /// The stack of an allocation, innermost first, as a trace has it: one before the return addresses.
    pub(crate) stack: Vec<u64>,
}

/// A program in a folder of its own.
#[derive(Debug)]
pub(crate) struct Program {
    dir: tempfile::TempDir,
    pub(crate) run: Run,
}

/// How a program is built.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Build {
    /// Position-independent, with full debug information.
    Full,
    /// Linked for one address.
    NonPie,
    Packed,
    Unpacked,
    LinesOnly,
    /// As a release goes out: `opt-level = 3`, `lto = "fat"`, `panic = "abort"`.
    Optimized,
    /// `strip = "symbols"`.
    Stripped,
    /// Debug information that the linker compressed.
    Compressed,
}

impl Program {
    /// The program, built when it is first asked for.
    pub(crate) fn get(build: Build) -> &'static Program {
        static PROGRAMS: [OnceLock<Program>; 8] = [const { OnceLock::new() }; 8];
        PROGRAMS[build as usize].get_or_init(|| Program::build(build))
    }

    fn build(build: Build) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let write = |path: &str, content: &str| {
            std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            std::fs::write(at(path), content).unwrap();
            at(path)
        };
        let host = write("app/src/main.rs", HOST);
        let plugin = write("app/plugin/src/lib.rs", PLUGIN);
        let library = write("registry/src/index-0123456789abcdef/serde_json-1.0.0/src/lib.rs", LIBRARY);
        let debug = match build {
            Build::LinesOnly => "-Cdebuginfo=line-tables-only",
            _ => "-Cdebuginfo=2",
        };
        let more: &[&str] = match build {
            Build::Full | Build::LinesOnly => &[],
            Build::NonPie => &["-Crelocation-model=static"],
            Build::Packed => &["-Csplit-debuginfo=packed"],
            Build::Unpacked => &["-Csplit-debuginfo=unpacked"],
            Build::Optimized => &["-Copt-level=3", "-Clto=fat", "-Cpanic=abort"],
            Build::Stripped => &["-Cstrip=symbols"],
            Build::Compressed => &["-Clink-arg=-Wl,--compress-debug-sections=zlib"],
        };
        let compile = |source: &Path, name: &str, kind: &str, output: &str| {
            let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
            rustc.current_dir(dir.path()).args(["--edition=2024", "-Copt-level=1", debug]).args(more);
            rustc.args([format!("--crate-name={name}"), format!("--crate-type={kind}")]);
            rustc.arg("-L").arg(dir.path()).arg("-o").arg(at(output)).arg(source);
            assert!(rustc.status().unwrap().success());
        };
        compile(&library, "serde_json", "rlib", "libserde_json.rlib");
        compile(&host, "my_app", "bin", "program");
        if matches!(build, Build::Full) {
            compile(&plugin, "my_plugin", "cdylib", "libmy_plugin.so");
        }
        let run = run(&at("program"), &at("libmy_plugin.so"));
        Self { dir, run }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn binary(&self) -> PathBuf {
        self.dir().join("program")
    }

    /// A copy of the program at `path`, and its run with the module there.
    pub(crate) fn copied_to(&self, path: &Path) -> Run {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(self.binary(), path).unwrap();
        self.run.moved_to(path)
    }
}

/// Runs the program and reads what it says.
fn run(program: &Path, plugin: &Path) -> Run {
    let output = Command::new(program).arg(plugin).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |text: &str| text.parse::<u64>().unwrap();
    let mut run = Run { modules: Vec::new(), outer: 0, plugin_outer: 0, stack: Vec::new() };
    for line in text.lines() {
        let words: Vec<&str> = line.split('|').collect();
        match words.as_slice() {
            ["outer", address] => run.outer = number(address),
            ["plugin", address] => run.plugin_outer = number(address),
            ["frame", address] => run.stack.push(number(address) - 1),
            ["module", path, bias, start, end] => {
                let path = if path.is_empty() { program.to_str().unwrap() } else { path };
                let build_id = blazesym::helper::read_elf_build_id(path).ok().flatten();
                run.modules.push(Module {
                    path: path.to_owned(),
                    build_id: build_id.map(|id| id.to_vec()).unwrap_or_default(),
                    start: number(start),
                    end: number(end),
                    bias: number(bias),
                });
            }
            _ => panic!("{line}"),
        }
    }
    assert!(!run.modules[0].build_id.is_empty(), "a linker that writes build ids");
    run
}

impl Run {
    /// The run of a program at another place.
    pub(crate) fn moved_to(&self, path: &Path) -> Run {
        let mut run = self.clone();
        run.modules[0].path = path.to_str().unwrap().to_owned();
        run
    }

    /// The trace of a session with the addresses of `outer`'s code, each a stack of its own.
    pub(crate) fn profile(&self) -> Profile {
        self.profile_of(self.outer)
    }

    /// The same with the code at `start`.
    pub(crate) fn profile_of(&self, start: u64) -> Profile {
        /// Bytes of code that are looked at: no more than `outer` has.
        const CODE_BYTES: u64 = 32;
        let addresses: Vec<i64> = (start..start + CODE_BYTES).map(|address| address as i64).collect();
        let nodes: Vec<(u32, u32)> = (1..=addresses.len() as u32).map(|frame| (0, frame)).collect();
        self.read(&[super::common::stacks(&nodes, &addresses)])
    }

    /// The trace of a session with one allocation, and the names that `names` has.
    pub(crate) fn allocation(&self, names: Option<Symbols>) -> Profile {
        let addresses: Vec<i64> = self.stack.iter().rev().map(|&address| address as i64).collect();
        let nodes: Vec<(u32, u32)> = (0..addresses.len() as u32).map(|at| (at, at + 1)).collect();
        let innermost = addresses.len() as u32;
        let mut records = vec![
            Record::Interval(memscope_trace::Interval {
                id: 0,
                start_us: 0,
                interval_bytes: 0.0,
                credit_bytes: 0.0,
            }),
            super::common::stacks(&nodes, &addresses),
            super::common::sites(&[(innermost, 64, 0, memscope_trace::AllocationKind::Alloc)]),
            super::common::samples(0, &[0]),
        ];
        records.extend(names.map(Record::Symbols));
        self.read(&records)
    }

    fn read(&self, records: &[Record]) -> Profile {
        let session = Session { executable: self.modules[0].path.clone(), ..Session::default() };
        let modules = Modules { modules: self.modules.clone() };
        let mut all = vec![Record::Session(session), Record::Modules(modules)];
        all.extend(records.iter().cloned());
        Profile::from_reader(super::common::write(&all).as_slice()).unwrap()
    }
}

/// What a symbolization gave.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) stacks: Vec<Vec<Frame>>,
    pub(crate) notes: Vec<String>,
    pub(crate) source: &'static str,
}

impl Named {
    pub(crate) fn of(profile: &Profile, options: &SymbolizeOptions) -> Self {
        let symbols = symbolize(profile, options);
        let rows = 0..profile.stacks.addresses().len();
        Self {
            stacks: rows.map(|row| symbols.frames_of(row).cloned().collect()).collect(),
            notes: symbols.notes().to_vec(),
            source: symbols.source(),
        }
    }

    /// Whether somewhere `inner` is inlined into `outer`, both of the crate `krate` and with their lines.
    pub(crate) fn has_inlined(&self, krate: &str) -> bool {
        let is = |frame: &Frame, function: &str, line| {
            frame.function.starts_with(&format!("{krate}::deep::{function}")) && frame.line == Some(line)
        };
        self.stacks.iter().any(|frames| {
            frames.windows(2).any(|pair| {
                (is(&pair[0], "inner", INNER_LINE) && pair[0].inlined)
                    && (is(&pair[1], "outer", OUTER_LINE) && !pair[1].inlined)
            })
        })
    }

    /// Whether every address is in `outer`, somewhere with a line of the program's, and nothing is inlined.
    pub(crate) fn has_lines_only(&self) -> bool {
        let mut frames = self.stacks.iter().flatten();
        let lines = self.stacks.iter().flatten().any(|frame| {
            frame.file.as_deref().is_some_and(|file| file.ends_with("src/main.rs")) && frame.line.is_some()
        });
        lines && frames.all(|frame| frame.function.starts_with("my_app::deep::outer") && !frame.inlined)
    }
}

/// `objcopy`: the linker's, or the compiler's own.
pub(crate) fn objcopy(arguments: &[&str]) {
    let status = Command::new("objcopy").args(arguments).status().or_else(|_| {
        let sysroot = Command::new("rustc").args(["--print", "target-libdir"]).output()?;
        let libraries = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
        Command::new(libraries.with_file_name("bin").join("rust-objcopy")).args(arguments).status()
    });
    assert!(status.unwrap().success(), "{arguments:?}");
}
