//! Requests that wait for a session, computed together when one is free: the busier a model is, the
//! larger its batches, and nobody waits for a batch to fill.

use crate::engine::Answer;
use crate::{Rows, ServeError};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// The requests that wait, oldest first.
#[derive(Default)]
pub(super) struct Waiting {
    queue: Mutex<VecDeque<Pending>>,
}

struct Pending {
    rows: Rows,
    answer: oneshot::Sender<Answer>,
}

/// Requests for one run.
pub(super) struct Batch(Vec<Pending>);

impl Waiting {
    pub(super) fn push(&self, rows: Rows) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(Pending { rows, answer });
        answered
    }

    /// The oldest request with all that fit into the same run of `most` rows. None when nobody waits.
    /// Whoever has gone away is left out.
    pub(super) fn take(&self, most: usize) -> Option<Batch> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.retain(|pending| !pending.answer.is_closed());
        let first = queue.pop_front()?;
        let mut size = first.rows.data.len();
        let mut batch = vec![first];
        let mut rest = VecDeque::with_capacity(queue.len());
        for pending in queue.drain(..) {
            let more = pending.rows.data.len();
            if batch.first().is_some_and(|first| alike(&first.rows, &pending.rows)) && size + more <= most {
                size += more;
                batch.push(pending);
            } else {
                rest.push_back(pending);
            }
        }
        *queue = rest;
        Some(Batch(batch))
    }
}

fn alike(a: &Rows, b: &Rows) -> bool {
    a.columns == b.columns && a.data.first().map(Vec::len) == b.data.first().map(Vec::len)
}

impl Batch {
    /// Computes all together and answers each. When that fails each is computed alone, so that only the
    /// one at fault fails.
    pub(super) fn run(self, mut predict: impl FnMut(&Rows) -> Answer) {
        let mut each = self.0;
        if each.len() > 1 {
            let mut all = Rows { columns: None, data: Vec::new() };
            for pending in &each {
                all.columns.clone_from(&pending.rows.columns);
                all.data.extend(pending.rows.data.iter().cloned());
            }
            if let Ok(predictions) = predict(&all)
                && predictions.len() == all.data.len()
            {
                let mut predictions = predictions.into_iter();
                for pending in each {
                    let own = predictions.by_ref().take(pending.rows.data.len()).collect();
                    // Whoever asked may have gone away.
                    let _ = pending.answer.send(Ok(own));
                }
                return;
            }
        }
        for pending in each.drain(..) {
            let answer = predict(&pending.rows);
            let _ = pending.answer.send(answer);
        }
    }
}

/// What a request is told whose batch was lost with its thread.
pub(super) fn lost() -> ServeError {
    ServeError::Model("the run was lost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::Waiting;
    use crate::{Rows, ServeError};
    use serde_json::{Value, json};

    fn rows(columns: &[&str], values: &[i64]) -> Rows {
        let columns = (!columns.is_empty()).then(|| columns.iter().map(ToString::to_string).collect());
        Rows { columns, data: values.iter().map(|value| vec![json!(value)]).collect() }
    }

    fn double(rows: &Rows) -> Result<Vec<Value>, ServeError> {
        let double = |row: &Vec<Value>| match row[0].as_i64() {
            Some(13) => Err(ServeError::Input("13".into())),
            value => Ok(json!(value.map(|value| 2 * value))),
        };
        rows.data.iter().map(double).collect()
    }

    #[test]
    fn requests_alike_are_computed_together_up_to_the_limit() {
        let waiting = Waiting::default();
        let mut a = waiting.push(rows(&["x"], &[1, 2]));
        let mut b = waiting.push(rows(&["y"], &[3]));
        let gone = waiting.push(rows(&["x"], &[9]));
        drop(gone);
        let mut c = waiting.push(rows(&["x"], &[4]));
        let mut d = waiting.push(rows(&["x"], &[5, 6]));
        let mut calls = Vec::new();
        while let Some(batch) = waiting.take(3) {
            batch.run(|rows| {
                calls.push(rows.data.len());
                double(rows)
            });
        }
        assert_eq!(calls, [3, 1, 2]);
        let mut answers =
            [&mut a, &mut b, &mut c, &mut d].map(|answer| json!(answer.try_recv().unwrap().unwrap()));
        assert_eq!(json!(answers.as_mut_slice()), json!([[2, 4], [6], [8], [10, 12]]));
    }

    #[test]
    fn only_the_request_at_fault_fails() {
        let waiting = Waiting::default();
        let (mut good, mut bad) = (waiting.push(rows(&[], &[1])), waiting.push(rows(&[], &[13])));
        waiting.take(256).unwrap().run(double);
        assert_eq!(good.try_recv().unwrap(), Ok(vec![json!(2)]));
        assert_eq!(bad.try_recv().unwrap(), Err(ServeError::Input("13".into())));
    }
}
