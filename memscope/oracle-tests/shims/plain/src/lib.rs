//! Stands in for memscope in a program that is not to be changed, and does nothing: for the cost of the program by itself.

/// The names that the programs use.
pub mod lockfree {
    use std::io::Result;
    use std::path::Path;

    pub struct SamplingConfig {
        pub sample_rate: f64,
        pub min_allocation_size: usize,
        pub buffer_size: usize,
    }

    #[derive(Default)]
    pub struct AnalysisResult {
        pub thread_count: usize,
        pub total_allocations: u64,
        pub peak_memory_mb: f64,
        pub resource_efficiency: f64,
        pub bottlenecks: Vec<()>,
    }

    pub struct Session;

    impl Session {
        pub fn finalize(&mut self) -> Result<AnalysisResult> {
            Ok(AnalysisResult::default())
        }
    }

    pub fn comprehensive_profile_execution(_: impl AsRef<Path>, _: Option<SamplingConfig>) -> Result<Session> {
        Ok(Session)
    }

    pub fn trace_all(_: impl AsRef<Path>) -> Result<()> {
        Ok(())
    }

    pub fn stop_tracing() -> Result<()> {
        Ok(())
    }

    pub fn export_comprehensive_analysis(_: impl AsRef<Path>, _: &str) -> Result<()> {
        Ok(())
    }

    #[derive(Default)]
    pub struct CpuResourceMetrics {
        pub peak_usage_percent: f64,
    }
    #[derive(Default)]
    pub struct MemoryResourceMetrics {
        pub peak_usage_gb: f64,
    }
    #[derive(Default)]
    pub struct IoResourceMetrics {
        pub total_operations: u64,
    }
    #[derive(Default)]
    pub struct ThreadResourceMetrics {
        pub efficiency_percent: f64,
    }
    #[derive(Default)]
    pub struct ResourceMetrics {
        pub cpu_metrics: CpuResourceMetrics,
        pub memory_metrics: MemoryResourceMetrics,
        pub io_metrics: IoResourceMetrics,
        pub thread_metrics: ThreadResourceMetrics,
    }

    pub struct PlatformResourceCollector;

    impl PlatformResourceCollector {
        pub fn new() -> Result<Self> {
            Ok(Self)
        }

        pub fn start_monitoring(&mut self) -> Result<()> {
            Ok(())
        }

        pub fn stop_monitoring(&mut self) -> Result<ResourceMetrics> {
            Ok(ResourceMetrics::default())
        }
    }
}
