//! The only place that prints.

use crate::error::CliError;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use indicatif::ProgressBar;
use mainspring_domain::{Clock as _, SystemClock, Timestamp};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Prints a line of results. A reader that went away (`| head`) ends the program quietly.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // There is nobody left to tell.
    let _ = writeln!(out, "{text}");
}

/// Prints a text in place of what the screen shows; below it where nobody watches.
pub(crate) fn show_again(text: &str) {
    let watched = std::io::stdout().is_terminal();
    say(&if watched { format!("\x1b[2J\x1b[H{text}") } else { format!("{text}\n") });
}

/// Prints a line of progress or a note, apart from the results.
pub(crate) fn note(text: &str) {
    let mut out = std::io::stderr().lock();
    // There is nobody left to tell.
    let _ = writeln!(out, "{text}");
}

/// Prints a value as JSON.
pub(crate) fn say_json(value: &Value) {
    say(&format!("{value:#}"));
}

/// Prints an error and its hint.
pub(crate) fn complain(error: &CliError) {
    note(&format!("{} {error}", paint("error:", Colour::Red)));
    if let Some(hint) = error.hint_text() {
        note(&format!("{} {hint}", paint(" hint:", Colour::Cyan)));
    }
}

/// A table without lines: the columns speak for themselves.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The colours that are used.
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    /// Bad.
    Red,
    /// Good.
    Green,
    /// Careful.
    Yellow,
    /// Hints.
    Cyan,
}

/// Colours a text when somebody watches.
pub(crate) fn paint(text: &str, colour: Colour) -> String {
    if !std::io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Red => 31,
        Colour::Green => 32,
        Colour::Yellow => 33,
        Colour::Cyan => 36,
    };
    format!("\x1b[1;{code}m{text}\x1b[0m")
}

/// A line on the terminal that says how far long work has come.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Starts the line. Where nobody watches there is none.
    pub(crate) fn start() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Says something else.
    pub(crate) fn show(&self, text: &str) {
        self.0.set_message(text.to_owned());
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// A moment as the distance from now: `12 s ago`.
pub(crate) fn ago(millis: &Value) -> String {
    let Some(millis) = millis.as_i64() else { return "–".to_owned() };
    let seconds = SystemClock.now().since(Timestamp::from_millis(millis)).as_secs();
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// The day of milliseconds since 1970, in UTC.
pub(crate) fn day(millis: &Value) -> String {
    let time = millis.as_i64().map(|millis| Timestamp::from_millis(millis).to_string());
    time.and_then(|time| Some(time.get(..10)?.to_owned())).unwrap_or_else(|| "–".to_owned())
}

/// A JSON value as a cell: text without quotes, a dash for null.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.4}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}
