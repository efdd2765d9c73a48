//! A page of metrics, made anew each time somebody asks: what the runtime counts is its own, and what is gone leaves no
//! series behind.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};
use prometheus::{CounterVec, GaugeVec, Opts, Registry, Result, TextEncoder};

/// Values of labels, and the figure.
pub(super) type Sample<'a> = (Vec<&'a str>, f64);

/// Metrics of one moment.
pub(super) struct Page(Registry);

impl Page {
    pub(super) fn new() -> Self {
        Self(Registry::new())
    }

    /// A figure that only ever grows.
    pub(super) fn counter(&self, name: &str, help: &str, value: impl Into<Figure>) -> Result<()> {
        self.counters(name, help, &[], [(Vec::new(), value.into().0)])
    }

    /// A figure that goes up and down.
    pub(super) fn gauge(&self, name: &str, help: &str, value: impl Into<Figure>) -> Result<()> {
        self.gauges(name, help, &[], [(Vec::new(), value.into().0)])
    }

    pub(super) fn counters<'a>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        samples: impl IntoIterator<Item = Sample<'a>>,
    ) -> Result<()> {
        let all = CounterVec::new(Opts::new(name, help), labels)?;
        for (values, figure) in samples {
            all.get_metric_with_label_values(&values)?.inc_by(figure);
        }
        self.0.register(Box::new(all))
    }

    pub(super) fn gauges<'a>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        samples: impl IntoIterator<Item = Sample<'a>>,
    ) -> Result<()> {
        let all = GaugeVec::new(Opts::new(name, help), labels)?;
        for (values, figure) in samples {
            all.get_metric_with_label_values(&values)?.set(figure);
        }
        self.0.register(Box::new(all))
    }

    /// How many took how long: `counts` has one more class than there are bounds, in seconds.
    pub(super) fn histogram(&self, name: &str, help: &str, bounds: &[f64], counts: &[u64], sum: f64) -> Result<()> {
        let (mut histogram, mut so_far) = (Histogram::default(), 0);
        let buckets = bounds.iter().zip(counts).map(|(bound, count)| {
            so_far += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(so_far);
            bucket
        });
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum);
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        let desc = Desc::new(name.to_owned(), help.to_owned(), Vec::new(), std::collections::HashMap::new())?;
        self.0.register(Box::new(Counted { desc, family }))
    }

    /// As Prometheus reads it.
    pub(super) fn text(&self) -> Result<String> {
        TextEncoder::new().encode_to_string(&self.0.gather())
    }
}

/// A family whose figures were counted elsewhere.
struct Counted {
    desc: Desc,
    family: MetricFamily,
}

impl Collector for Counted {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        vec![self.family.clone()]
    }
}

/// A number as Prometheus has them, where whole numbers are exact up to 2^53.
pub(super) struct Figure(f64);

impl From<u64> for Figure {
    #[allow(clippy::cast_precision_loss, reason = "it is what Prometheus stores")]
    fn from(value: u64) -> Self {
        Self(value as f64)
    }
}

impl From<usize> for Figure {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl From<bool> for Figure {
    fn from(value: bool) -> Self {
        Self(f64::from(u8::from(value)))
    }
}

impl From<std::time::Duration> for Figure {
    fn from(value: std::time::Duration) -> Self {
        Self(value.as_secs_f64())
    }
}

/// The figure of a value.
pub(super) fn figure(value: impl Into<Figure>) -> f64 {
    value.into().0
}
