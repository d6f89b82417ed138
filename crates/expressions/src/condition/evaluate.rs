//! A syntax tree and a result into a value.

use super::ConditionError;
use super::functions::Function;
use super::parser::{Expression, Operator, Pattern, Sign};
use super::value::Value;
use std::cmp::Ordering;
use std::sync::Arc;

/// Nodes and items that one evaluation looks at: predicates within predicates multiply.
const BUDGET: usize = 200_000;
/// What it costs to read a regular expression that is not written out.
const PATTERN: usize = 10_000;
/// Numbers in a range.
const MAX_RANGE: i64 = 10_000;

pub(super) fn evaluate(expression: &Expression, result: &Value) -> Result<Value, ConditionError> {
    Evaluation { result, element: None, budget: BUDGET }.value(expression)
}

struct Evaluation<'a> {
    result: &'a Value,
    /// What a predicate looks at, with its place.
    element: Option<(Value, usize)>,
    budget: usize,
}

impl Evaluation<'_> {
    fn charge(&mut self, work: usize) -> Result<(), ConditionError> {
        self.budget = self
            .budget
            .checked_sub(work)
            .ok_or_else(|| ConditionError::new("the condition takes too much work"))?;
        Ok(())
    }

    /// Charges for looking at all of a value.
    fn charge_for(&mut self, value: &Value) -> Result<(), ConditionError> {
        self.charge(value.weight(self.budget + 1))
    }

    /// A copy: lists and maps are shared, texts are not.
    fn copy(&mut self, value: &Value) -> Result<Value, ConditionError> {
        if let Value::Text(_) = value {
            self.charge_for(value)?;
        }
        Ok(value.clone())
    }

    fn value(&mut self, expression: &Expression) -> Result<Value, ConditionError> {
        self.charge(1)?;
        Ok(match expression {
            Expression::Nil => Value::Nil,
            Expression::Bool(flag) => Value::Bool(*flag),
            Expression::Int(number) => Value::Int(*number),
            Expression::Float(number) => Value::Float(*number),
            Expression::Text(text) => {
                self.charge(text.len() / 16)?;
                Value::Text(text.clone())
            }
            Expression::List(items) => Value::List(self.values(items)?.into()),
            Expression::Map(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), self.value(value)?)));
                Value::Map(Arc::new(fields.collect::<Result<_, ConditionError>>()?))
            }
            Expression::Result => self.copy(self.result)?,
            Expression::Element => match &self.element {
                Some((value, _)) => {
                    let value = value.clone();
                    self.copy(&value)?
                }
                None => Value::Nil,
            },
            Expression::Index => {
                let place = self.element.as_ref().map_or(0, |(_, place)| *place);
                Value::Int(i64::try_from(place).unwrap_or(i64::MAX))
            }
            Expression::Unary(sign, inner) => signed(*sign, &self.value(inner)?)?,
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right)?,
            Expression::Conditional(condition, yes, no) => {
                if self.truth(condition)? {
                    self.value(yes)?
                } else {
                    self.value(no)?
                }
            }
            Expression::Member(base, key, optional) => {
                let base = self.value(base)?;
                if *optional && base == Value::Nil {
                    return Ok(Value::Nil);
                }
                member(&base, &self.value(key)?)?
            }
            Expression::Slice(base, from, to) => {
                let base = self.value(base)?;
                let from = from.as_ref().map(|end| self.value(end)).transpose()?;
                let to = to.as_ref().map(|end| self.value(end)).transpose()?;
                self.charge(length(&base))?;
                slice(&base, from.as_ref(), to.as_ref())?
            }
            Expression::Matches(text, pattern) => {
                let text = self.value(text)?;
                self.charge_for(&text)?;
                matches(&text, pattern)?
            }
            Expression::Call(function, arguments) => self.call(*function, arguments)?,
        })
    }

    fn values(&mut self, items: &[Expression]) -> Result<Vec<Value>, ConditionError> {
        items.iter().map(|item| self.value(item)).collect()
    }

    fn truth(&mut self, expression: &Expression) -> Result<bool, ConditionError> {
        match self.value(expression)? {
            Value::Bool(flag) => Ok(flag),
            other => Err(ConditionError::new(format!("expected bool, but got {}", other.kind()))),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Value, ConditionError> {
        match operator {
            Operator::And => return Ok(Value::Bool(self.truth(left)? && self.truth(right)?)),
            Operator::Or => return Ok(Value::Bool(self.truth(left)? || self.truth(right)?)),
            Operator::Coalesce => {
                let value = self.value(left)?;
                return if value == Value::Nil { self.value(right) } else { Ok(value) };
            }
            _ => {}
        }
        let (left, right) = (self.value(left)?, self.value(right)?);
        match operator {
            Operator::Range => {}
            Operator::Matches => self.charge(PATTERN)?,
            // A list may be compared with each item of the other.
            Operator::In | Operator::NotIn => {
                self.charge_for(&right)?;
                self.charge(left.weight(self.budget + 1).saturating_mul(length(&right).max(1)))?;
            }
            _ => {
                self.charge_for(&left)?;
                self.charge_for(&right)?;
            }
        }
        if let (Operator::Range, Value::Int(from), Value::Int(to)) = (operator, &left, &right) {
            self.charge(usize::try_from(to.saturating_sub(*from)).unwrap_or(0))?;
        }
        combine(operator, &left, &right)
    }

    fn call(&mut self, function: Function, arguments: &[Expression]) -> Result<Value, ConditionError> {
        let (Some(first), true) = (arguments.first(), function.takes_predicate()) else {
            let arguments = self.values(arguments)?;
            for argument in &arguments {
                self.charge(match (function, argument) {
                    (Function::Text, _) => argument.weight(self.budget + 1),
                    // They do not look at the items.
                    (Function::Len | Function::First | Function::Last, Value::List(_) | Value::Map(_)) => 0,
                    (Function::IsNil | Function::Default, _) => self.result.weight(1),
                    _ => length(argument),
                })?;
            }
            return function.call(&arguments, self.result);
        };
        let list = self.value(first)?;
        let Some(predicate) = arguments.get(1) else {
            self.charge(length(&list))?;
            return function.call(&[list], self.result);
        };
        let items = function.items(&list)?;
        let outer = self.element.take();
        let mut answers = Vec::new();
        for (place, item) in items.iter().enumerate() {
            self.element = Some((self.copy(item)?, place));
            let answer = self.value(predicate)?;
            let decides = matches!(
                (function, &answer),
                (Function::All, Value::Bool(false))
                    | (Function::Any | Function::None | Function::Find, Value::Bool(true))
            );
            answers.push(answer);
            if decides {
                break;
            }
        }
        self.element = outer;
        if function == Function::Map {
            return Ok(Value::List(answers.into()));
        }
        if function == Function::Sum {
            return function.sum(&answers);
        }
        let mut held = Vec::new();
        for (answer, item) in answers.iter().zip(items) {
            match answer {
                Value::Bool(true) => held.push(item.clone()),
                Value::Bool(false) => {}
                other => {
                    let message =
                        format!("the predicate of {} gives {}, not bool", function.name(), other.kind());
                    return Err(ConditionError::new(message));
                }
            }
        }
        Ok(match function {
            Function::All => Value::Bool(held.len() == items.len()),
            Function::Any => Value::Bool(!held.is_empty()),
            Function::None => Value::Bool(held.is_empty()),
            Function::One => Value::Bool(held.len() == 1),
            Function::Count => Value::Int(i64::try_from(held.len()).unwrap_or(i64::MAX)),
            Function::Find => held.into_iter().next().unwrap_or(Value::Nil),
            _ => Value::List(held.into()),
        })
    }
}

/// Items of a list or map; a text by its length.
fn length(value: &Value) -> usize {
    match value {
        Value::List(items) => items.len(),
        Value::Map(fields) => fields.len(),
        Value::Text(text) => text.len() / 16,
        _ => 0,
    }
}

fn matches(text: &Value, pattern: &Pattern) -> Result<Value, ConditionError> {
    match text {
        Value::Text(text) => Ok(Value::Bool(pattern.0.is_match(text))),
        other => Err(mismatch("matches", other, &Value::Text(String::new()))),
    }
}

fn mismatch(operator: &str, left: &Value, right: &Value) -> ConditionError {
    let (left, right) = (left.kind(), right.kind());
    ConditionError::new(format!("invalid operation: {operator} (mismatched types {left} and {right})"))
}

fn signed(sign: Sign, value: &Value) -> Result<Value, ConditionError> {
    match (sign, value) {
        (Sign::Not, Value::Bool(flag)) => Ok(Value::Bool(!flag)),
        (Sign::Plus, Value::Int(_) | Value::Float(_)) => Ok(value.clone()),
        (Sign::Minus, Value::Float(number)) => Ok(Value::Float(-number)),
        (Sign::Minus, Value::Int(number)) => {
            number.checked_neg().map(Value::Int).ok_or_else(|| ConditionError::new("integer overflow"))
        }
        (_, other) => {
            let sign = match sign {
                Sign::Not => "!",
                Sign::Minus => "-",
                Sign::Plus => "+",
            };
            Err(ConditionError::new(format!("invalid operation: {sign} (mismatched type {})", other.kind())))
        }
    }
}

fn combine(operator: Operator, left: &Value, right: &Value) -> Result<Value, ConditionError> {
    Ok(match operator {
        Operator::Equal => Value::Bool(equal("==", left, right)?),
        Operator::Unequal => Value::Bool(!equal("!=", left, right)?),
        Operator::Less => Value::Bool(ordered("<", left, right)? == Some(Ordering::Less)),
        Operator::Greater => Value::Bool(ordered(">", left, right)? == Some(Ordering::Greater)),
        Operator::LessOrEqual => Value::Bool(ordered("<=", left, right)?.is_some_and(Ordering::is_le)),
        Operator::GreaterOrEqual => Value::Bool(ordered(">=", left, right)?.is_some_and(Ordering::is_ge)),
        Operator::In => Value::Bool(contained(left, right)?),
        Operator::NotIn => Value::Bool(!contained(left, right)?),
        Operator::Contains => {
            Value::Bool(texts("contains", left, right)?.0.contains(texts("contains", left, right)?.1))
        }
        Operator::StartsWith => {
            let (text, part) = texts("startsWith", left, right)?;
            Value::Bool(text.starts_with(part))
        }
        Operator::EndsWith => {
            let (text, part) = texts("endsWith", left, right)?;
            Value::Bool(text.ends_with(part))
        }
        Operator::Matches => matches(left, &Pattern::new(texts("matches", left, right)?.1)?)?,
        Operator::Range => {
            let (Value::Int(from), Value::Int(to)) = (left, right) else {
                return Err(mismatch("..", left, right));
            };
            if to.saturating_sub(*from) >= MAX_RANGE {
                return Err(ConditionError::new(format!("a range has at most {MAX_RANGE} numbers")));
            }
            Value::List((*from..=*to).map(Value::Int).collect())
        }
        Operator::Add => match (left, right) {
            (Value::Text(left), Value::Text(right)) => Value::Text(format!("{left}{right}")),
            _ => arithmetic("+", left, right, i64::checked_add, |left, right| left + right)?,
        },
        Operator::Subtract => arithmetic("-", left, right, i64::checked_sub, |left, right| left - right)?,
        Operator::Multiply => arithmetic("*", left, right, i64::checked_mul, |left, right| left * right)?,
        // A quotient is never whole in this language.
        Operator::Divide => match (left.number(), right.number()) {
            (Some(left), Some(right)) => Value::Float(left / right),
            _ => return Err(mismatch("/", left, right)),
        },
        Operator::Power => match (left.number(), right.number()) {
            (Some(left), Some(right)) => Value::Float(left.powf(right)),
            _ => return Err(mismatch("**", left, right)),
        },
        Operator::Remainder => match (left, right) {
            (Value::Int(left), Value::Int(right)) => left
                .checked_rem(*right)
                .map(Value::Int)
                .ok_or_else(|| ConditionError::new("integer divide by zero"))?,
            _ => return Err(mismatch("%", left, right)),
        },
        Operator::And | Operator::Or | Operator::Coalesce => return Err(mismatch("&&", left, right)),
    })
}

fn arithmetic(
    name: &str,
    left: &Value,
    right: &Value,
    whole: fn(i64, i64) -> Option<i64>,
    real: fn(f64, f64) -> f64,
) -> Result<Value, ConditionError> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            whole(*left, *right).map(Value::Int).ok_or_else(|| ConditionError::new("integer overflow"))
        }
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => Ok(Value::Float(real(left, right))),
            _ => Err(mismatch(name, left, right)),
        },
    }
}

/// The order of two numbers or two texts; none when one is NaN or they cannot be compared.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => left.number()?.partial_cmp(&right.number()?),
    }
}

fn ordered(operator: &str, left: &Value, right: &Value) -> Result<Option<Ordering>, ConditionError> {
    let comparable = (left.number().is_some() && right.number().is_some())
        || matches!((left, right), (Value::Text(_), Value::Text(_)));
    if comparable { Ok(compare(left, right)) } else { Err(mismatch(operator, left, right)) }
}

fn equal(operator: &str, left: &Value, right: &Value) -> Result<bool, ConditionError> {
    match (left, right) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::List(left), Value::List(right)) => {
            let mut same = left.len() == right.len();
            for (left, right) in left.iter().zip(right.iter()) {
                same = same && equal(operator, left, right)?;
            }
            Ok(same)
        }
        (Value::Map(left), Value::Map(right)) => Ok(left == right),
        _ => Ok(ordered(operator, left, right)? == Some(Ordering::Equal)),
    }
}

fn contained(item: &Value, whole: &Value) -> Result<bool, ConditionError> {
    match (item, whole) {
        // Elements of another kind are not the one that is looked for.
        (_, Value::List(items)) => Ok(items.iter().any(|other| equal("in", item, other) == Ok(true))),
        (Value::Text(name), Value::Map(fields)) => Ok(fields.contains_key(name)),
        _ => Err(mismatch("in", item, whole)),
    }
}

fn texts<'a>(name: &str, left: &'a Value, right: &'a Value) -> Result<(&'a str, &'a str), ConditionError> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Ok((left, right)),
        _ => Err(mismatch(name, left, right)),
    }
}

/// The place in a list; a negative one counts from its end.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}

fn member(base: &Value, key: &Value) -> Result<Value, ConditionError> {
    match (base, key) {
        (Value::List(items), Value::Int(index)) => {
            place(*index, items.len()).and_then(|place| items.get(place)).cloned().ok_or_else(|| {
                let length = items.len();
                ConditionError::new(format!("index out of range: {index} (array length is {length})"))
            })
        }
        (Value::Map(fields), Value::Text(name)) => Ok(fields.get(name).cloned().unwrap_or(Value::Nil)),
        _ => {
            let key = match key {
                Value::Int(_) | Value::Text(_) => key.to_string(),
                other => other.kind().to_owned(),
            };
            Err(ConditionError::new(format!("cannot fetch {key} from {}", base.kind())))
        }
    }
}

fn slice(base: &Value, from: Option<&Value>, to: Option<&Value>) -> Result<Value, ConditionError> {
    let Value::List(items) = base else {
        return Err(ConditionError::new(format!("cannot slice {}", base.kind())));
    };
    let end = |value: Option<&Value>, without: usize| match value {
        None => Ok(without),
        Some(Value::Int(index)) => Ok(place(*index, items.len()).unwrap_or(0).min(items.len())),
        Some(other) => Err(ConditionError::new(format!("cannot slice with {}", other.kind()))),
    };
    let (from, to) = (end(from, 0)?, end(to, items.len())?);
    Ok(Value::List(items.get(from..to.max(from)).unwrap_or_default().into()))
}
