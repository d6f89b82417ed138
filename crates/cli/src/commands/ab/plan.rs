//! `mainspring ab plan`.

use crate::client::Client;
use crate::error::{CliError, ExitCode};
use crate::terminal::{say, say_json};
use clap::{Args, ValueEnum};
use serde_json::json;

/// What is compared.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// A mean, such as latency or revenue.
    Mean,
    /// A share of units, such as those that book.
    Proportion,
    /// Right answers of two models to the same requests.
    Paired,
}

/// How many units a test takes, and how long it runs.
#[derive(Args)]
pub(super) struct Plan {
    /// What is compared.
    kind: Kind,
    /// The smallest difference that matters, in the metric's own unit.
    #[arg(long, allow_negative_numbers = true)]
    effect: f64,
    /// For a mean: the standard deviation between units.
    #[arg(long)]
    deviation: Option<f64>,
    /// For a proportion: the share now.
    #[arg(long)]
    baseline: Option<f64>,
    /// For pairs: the share of requests on which only one model is right.
    #[arg(long)]
    discordance: Option<f64>,
    /// Arms, the control included.
    #[arg(long, default_value_t = 2)]
    arms: u32,
    /// The probability of a false winner.
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
    /// The probability of finding the effect.
    #[arg(long, default_value_t = 0.8)]
    power: f64,
    /// Units that come in a day.
    #[arg(long)]
    units_per_day: Option<f64>,
}

impl Plan {
    pub(super) fn run(self, client: &Client, json: bool) -> Result<ExitCode, CliError> {
        let (kind, key, value) = match self.kind {
            Kind::Mean => ("mean", "deviation", self.deviation),
            Kind::Proportion => ("proportion", "baseline", self.baseline),
            Kind::Paired => ("paired", "discordance", self.discordance),
        };
        let value = value.ok_or_else(|| CliError::usage(format!("a plan for `{kind}` needs --{key}")))?;
        let mut question = json!({
            "kind": kind, "effect": self.effect, "arms": self.arms, "alpha": self.alpha, "power": self.power,
            "units_per_day": self.units_per_day,
        });
        question[key] = json!(value);
        let answer = client.post("/api/v1/ab/plan", &question)?;
        if json {
            say_json(&answer);
            return Ok(ExitCode::Ok);
        }
        let total = &answer["total"];
        say(&match self.kind {
            Kind::Paired if self.arms == 2 => format!("{total} requests that both models answer"),
            Kind::Paired => format!("{total} requests that all {} models answer", self.arms),
            _ => format!(
                "{} units in the control, {} in each other arm, {total} in all",
                answer["control"], answer["candidate"]
            ),
        });
        if let (Some(days), Some(weeks)) = (answer["days"].as_f64(), answer["weeks"].as_f64()) {
            say(&format!("that is {days} days of traffic; run it for {weeks} whole week(s)"));
        }
        say(&format!("in the test's file: `planned_units: {total}`"));
        Ok(ExitCode::Ok)
    }
}
