//! The subcommands, each a file of its own with its options (`Args`) and what runs it (`run`), and a line here.

use crate::error::ReportError;

/// Declares for each subcommand its name and its file.
macro_rules! subcommands {
    ($($name:ident $file:ident;)*) => {
        $(mod $file;)*

        /// What is to be done.
        #[derive(Debug, clap::Subcommand)]
        pub(super) enum Command {
            $($name($file::Args),)*
        }

        impl Command {
            /// Does it; returns the exit code.
            pub(super) fn run(self) -> Result<u8, ReportError> {
                match self { $(Self::$name(args) => $file::run(args),)* }
            }
        }
    };
}

subcommands! {
    Report report;
    Summary summary;
    Top top;
    Leaks leaks;
    Tree tree;
    Scopes scopes;
    Tasks tasks;
    Diff diff;
    Merge merge;
    Check check;
    Export export;
    Info info;
    View view;
    Completions completions;
    Man man;
}
