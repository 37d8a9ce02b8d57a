//! Parquet tables: a folder with a file for each. The feature `parquet` has the writer; the tables and queries on
//! them are in `docs/parquet.md` of this crate.

#[cfg(feature = "parquet")]
mod column;
#[cfg(feature = "parquet")]
mod tables;
#[cfg(feature = "parquet")]
mod work;

use super::Exporter;

pub(super) const EXPORTER: Exporter = Exporter {
    name: "parquet",
    about: "a folder of Parquet tables, single samples among them: DuckDB, Spark, pandas",
    extension: "parquet",
    file: None,
    #[cfg(feature = "parquet")]
    tables: Some(tables::write),
    #[cfg(not(feature = "parquet"))]
    tables: Some(|_, _| Err(super::ExportError::NotBuilt { format: "parquet", feature: "parquet" })),
};
