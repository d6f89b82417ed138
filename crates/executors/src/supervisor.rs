//! The supervisor process: starts the task, keeps its log within bounds, ends it when its time is
//! up and writes down how it ended.

use crate::ExecutorError;
use crate::files::{self, AttemptSpec};
use mainspring_domain::pipelines::{AttemptResult, TaskOutcome};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{PipeReader, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a task has between the polite and the final signal.
const GRACE: Duration = Duration::from_secs(5);
/// How often the child is looked at. Starting Python takes longer than this.
const POLL: Duration = Duration::from_millis(20);
/// An outcome file larger than this is not read.
const OUTCOME_LIMIT: u64 = 4 << 20;

/// Runs one attempt to its end. This is the whole life of a supervisor process.
///
/// # Errors
/// When the folder cannot be used or the attempt was given up before.
pub fn supervise(folder: &Path) -> Result<AttemptResult, ExecutorError> {
    let lock_path = folder.join("lock");
    let lock = File::create(&lock_path).map_err(|error| ExecutorError::file(&lock_path, &error))?;
    lock.lock().map_err(|error| ExecutorError::file(&lock_path, &error))?;
    if !files::claim(folder)? {
        return Err(ExecutorError::GivenUp);
    }
    let spec: AttemptSpec = files::read_json(&folder.join("spec.json"))?;
    let result = match run(folder, &spec) {
        Ok(result) => result,
        Err(error) => {
            append_to_log(folder, &format!("{error}\n"));
            AttemptResult {
                exit_code: Some(127),
                signal: None,
                timed_out: false,
                cpu_seconds: 0.0,
                max_rss: 0,
                log_bytes: 0,
                log_truncated: false,
                outcome: None,
            }
        }
    };
    files::write_json(&folder.join("result.json"), &result)?;
    drop(lock);
    Ok(result)
}

fn run(folder: &Path, spec: &AttemptSpec) -> Result<AttemptResult, ExecutorError> {
    let log_path = folder.join("log");
    let log = File::create(&log_path).map_err(|error| ExecutorError::file(&log_path, &error))?;
    let (reader, writer) = std::io::pipe().map_err(ExecutorError::Spawn)?;
    let errors = writer.try_clone().map_err(ExecutorError::Spawn)?;
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.arguments)
        .envs(&spec.environment)
        .current_dir(&spec.directory)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| ExecutorError::file(&spec.program, &format!("cannot be started: {error}")))?;
    // Without it the attempt runs all the same; only its end is less sure if this process is killed.
    let _ = files::note_group(folder, child.id());
    // The command holds our copies of the pipe's writing end; without them the log ends with the child.
    drop(command);
    let limit = spec.log_limit;
    let drain = std::thread::spawn(move || drain(reader, log, limit));
    let (status, timed_out) = wait(&mut child, spec.timeout_seconds);
    // What the task left running in its group goes with it.
    signal_group(&child, Signal::SIGKILL);
    let (log_bytes, log_truncated) = finish(drain);
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(AttemptResult {
        exit_code: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()),
        timed_out,
        cpu_seconds: usage.map_or(0.0, |usage| seconds(usage.user_time()) + seconds(usage.system_time())),
        max_rss: usage.and_then(|usage| u64::try_from(usage.max_rss()).ok()).unwrap_or(0) * 1024,
        log_bytes,
        log_truncated,
        outcome: read_outcome(folder),
    })
}

fn wait(child: &mut Child, timeout_seconds: Option<f64>) -> (Option<ExitStatus>, bool) {
    let started = Instant::now();
    let limit = timeout_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let mut asked: Option<Instant> = None;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return (Some(status), asked.is_some()),
            Ok(None) => {}
            Err(_) => return (None, asked.is_some()),
        }
        match asked {
            None if limit.is_some_and(|limit| started.elapsed() > limit) => {
                signal_group(child, Signal::SIGTERM);
                asked = Some(Instant::now());
            }
            Some(since) if since.elapsed() > GRACE => signal_group(child, Signal::SIGKILL),
            _ => {}
        }
        std::thread::sleep(POLL);
    }
}

fn signal_group(child: &Child, signal: Signal) {
    if let Ok(group) = i32::try_from(child.id()) {
        // A group that is gone already is what we want.
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

/// Reads all output; keeps the first `limit` bytes.
fn drain(mut reader: PipeReader, mut log: File, limit: u64) -> (u64, bool) {
    let mut buffer = vec![0; 64 << 10];
    let (mut total, mut kept) = (0_u64, 0_u64);
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        total += read as u64;
        let room = usize::try_from(limit - kept).unwrap_or(usize::MAX).min(read);
        if room > 0 && log.write_all(&buffer[..room]).is_ok() {
            kept += room as u64;
        }
    }
    let truncated = total > kept;
    if truncated {
        let note = format!("\n[log cut: {total} bytes were printed, {kept} are kept]\n");
        // The log is for people; an attempt does not fail for it.
        let _ = log.write_all(note.as_bytes());
    }
    (total, truncated)
}

/// The log's figures. A process that fled its group may hold the pipe open for ever, so the wait is
/// bounded.
fn finish(drain: JoinHandle<(u64, bool)>) -> (u64, bool) {
    let since = Instant::now();
    while !drain.is_finished() && since.elapsed() < GRACE {
        std::thread::sleep(POLL);
    }
    if drain.is_finished() { drain.join().unwrap_or((0, false)) } else { (0, true) }
}

fn read_outcome(folder: &Path) -> Option<TaskOutcome> {
    let path = folder.join("outcome.json");
    let metadata = std::fs::metadata(&path).ok()?;
    if !metadata.is_file() {
        // A pipe or a device might never end.
        append_to_log(folder, "outcome.json is not a file\n");
        return None;
    }
    let size = metadata.len();
    if size > OUTCOME_LIMIT {
        append_to_log(folder, &format!("outcome.json has {size} bytes, more than {OUTCOME_LIMIT}\n"));
        return None;
    }
    match files::read_json(&path) {
        Ok(outcome) => Some(outcome),
        Err(error) => {
            append_to_log(folder, &format!("the task's outcome cannot be read: {error}\n"));
            None
        }
    }
}

fn append_to_log(folder: &Path, text: &str) {
    if let Ok(mut log) = File::options().create(true).append(true).open(folder.join("log")) {
        // The log is for people; an attempt does not fail for it.
        let _ = log.write_all(text.as_bytes());
    }
}
