//! What `#[memscope::profile]` expands to: one `static Function` and one guard per call.

/// The arguments of one `#[memscope::profile(...)]`; what is `None` was not given.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// `output = "dir"`
    pub output: Option<&'static str>,
    /// `sample_rate = 0.01`
    pub sample_rate: Option<f64>,
    /// `min_allocation_size = 1024`
    pub min_allocation_size: Option<usize>,
    /// `buffer_size = 1048576`
    pub buffer_size: Option<usize>,
}

/// One annotated function.
#[derive(Debug)]
pub struct Function {
    name: &'static str,
    file: &'static str,
    line: u32,
    options: Options,
}

impl Function {
    /// A function called `name` (with its module path, or as the attribute's `name` argument says).
    #[must_use]
    pub const fn new(name: &'static str, file: &'static str, line: u32, options: Options) -> Self {
        Self { name, file, line, options }
    }
}

/// Leaves the function when dropped.
#[derive(Debug)]
#[must_use]
pub struct Entered {
    _not_send: core::marker::PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {}
}

/// Enters `function`.
pub fn enter(function: &'static Function) -> Entered {
    let _ = (function.name, function.file, function.line, function.options);
    Entered { _not_send: core::marker::PhantomData }
}
