//! The functions of the language.

use super::ConditionError;
use super::evaluate::compare;
use super::value::Value;
use std::cmp::Ordering;

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal $most:literal)*) => {
        /// A function by its name in the language.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function { $($variant),* }

        impl Function {
            pub(super) fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The least and the largest number of arguments.
            pub(super) const fn arguments(self) -> (usize, usize) {
                match self { $(Self::$variant => ($least, $most)),* }
            }
        }
    };
}

functions! {
    AsInt "asInt" 1 1
    AsFloat "asFloat" 1 1
    IsNan "isNaN" 1 1
    IsInf "isInf" 1 1
    IsNil "isNil" 1 1
    Default "default" 2 2
    All "all" 2 2
    Any "any" 2 2
    One "one" 2 2
    None "none" 2 2
    Filter "filter" 2 2
    Map "map" 2 2
    Count "count" 1 2
    Sum "sum" 1 2
    Find "find" 2 2
    Len "len" 1 1
    First "first" 1 1
    Last "last" 1 1
    Max "max" 1 8
    Min "min" 1 8
    Mean "mean" 1 1
    Median "median" 1 1
    Abs "abs" 1 1
    Ceil "ceil" 1 1
    Floor "floor" 1 1
    Round "round" 1 1
    Int "int" 1 1
    Float "float" 1 1
    Text "string" 1 1
    Keys "keys" 1 1
    Values "values" 1 1
    Lower "lower" 1 1
    Upper "upper" 1 1
    Trim "trim" 1 1
}

impl Function {
    /// Whether arguments after the first are looked at once per element.
    pub(super) const fn takes_predicate(self) -> bool {
        matches!(
            self,
            Self::All
                | Self::Any
                | Self::One
                | Self::None
                | Self::Filter
                | Self::Map
                | Self::Count
                | Self::Sum
                | Self::Find
        )
    }

    fn unfit(self, value: &Value) -> ConditionError {
        ConditionError::new(format!("invalid argument for {} (type {})", self.name(), value.kind()))
    }

    /// Calls a function without a predicate.
    pub(super) fn call(self, arguments: &[Value], result: &Value) -> Result<Value, ConditionError> {
        let value = arguments.first().unwrap_or(&Value::Nil);
        match self {
            Self::AsInt => as_int(value).map(Value::Int).ok_or_else(|| self.unfit(value)),
            Self::AsFloat => as_float(value).map(Value::Float).ok_or_else(|| self.unfit(value)),
            Self::IsNan => Ok(Value::Bool(as_float(value).ok_or_else(|| self.unfit(value))?.is_nan())),
            Self::IsInf => Ok(Value::Bool(as_float(value).ok_or_else(|| self.unfit(value))?.is_infinite())),
            // As in Argo Rollouts, both look at what was measured, whatever they are given.
            Self::IsNil => Ok(Value::Bool(*result == Value::Nil)),
            Self::Default => {
                Ok(if *result == Value::Nil { arguments.get(1).unwrap_or(&Value::Nil) } else { result }
                    .clone())
            }
            Self::Count => {
                let items = self.items(value)?;
                Ok(whole(items.iter().filter(|item| **item == Value::Bool(true)).count()))
            }
            Self::Sum => self.sum(self.items(value)?),
            Self::Len => match value {
                Value::List(items) => Ok(whole(items.len())),
                Value::Map(fields) => Ok(whole(fields.len())),
                Value::Text(text) => Ok(whole(text.chars().count())),
                other => Err(self.unfit(other)),
            },
            Self::First => Ok(self.items(value)?.first().cloned().unwrap_or(Value::Nil)),
            Self::Last => Ok(self.items(value)?.last().cloned().unwrap_or(Value::Nil)),
            Self::Max => self.extreme(arguments, Ordering::Greater),
            Self::Min => self.extreme(arguments, Ordering::Less),
            Self::Mean => {
                let numbers = self.numbers(value)?;
                Ok(Value::Float(numbers.iter().sum::<f64>() / numbers.len() as f64))
            }
            Self::Median => self.median(value),
            Self::Abs => match value {
                Value::Int(number) => number.checked_abs().map(Value::Int).ok_or_else(|| self.unfit(value)),
                Value::Float(number) => Ok(Value::Float(number.abs())),
                other => Err(self.unfit(other)),
            },
            Self::Ceil => self.rounded(value, f64::ceil),
            Self::Floor => self.rounded(value, f64::floor),
            Self::Round => self.rounded(value, f64::round),
            Self::Int => as_int(value).map(Value::Int).ok_or_else(|| self.unfit(value)),
            Self::Float => as_float(value).map(Value::Float).ok_or_else(|| self.unfit(value)),
            Self::Text => Ok(Value::Text(match value {
                Value::Text(text) => text.clone(),
                other => other.to_string(),
            })),
            Self::Keys => match value {
                Value::Map(fields) => Ok(Value::List(fields.keys().cloned().map(Value::Text).collect())),
                other => Err(self.unfit(other)),
            },
            Self::Values => match value {
                Value::Map(fields) => Ok(Value::List(fields.values().cloned().collect())),
                other => Err(self.unfit(other)),
            },
            Self::Lower => self.changed(value, str::to_lowercase),
            Self::Upper => self.changed(value, str::to_uppercase),
            Self::Trim => self.changed(value, |text| text.trim().to_owned()),
            Self::All | Self::Any | Self::One | Self::None | Self::Filter | Self::Map | Self::Find => {
                Err(ConditionError::new(format!("{} needs a predicate", self.name())))
            }
        }
    }

    pub(super) fn items(self, value: &Value) -> Result<&[Value], ConditionError> {
        match value {
            Value::List(items) => Ok(items),
            other => Err(self.unfit(other)),
        }
    }

    fn numbers(self, value: &Value) -> Result<Vec<f64>, ConditionError> {
        let items = self.items(value)?;
        items.iter().map(|item| item.number().ok_or_else(|| self.unfit(item))).collect()
    }

    pub(super) fn sum(self, items: &[Value]) -> Result<Value, ConditionError> {
        if let Some(whole) = items
            .iter()
            .map(|item| if let Value::Int(number) = item { Some(*number) } else { None })
            .try_fold(0_i64, |sum, number| sum.checked_add(number?))
        {
            return Ok(Value::Int(whole));
        }
        let numbers: Result<Vec<f64>, _> =
            items.iter().map(|item| item.number().ok_or_else(|| self.unfit(item))).collect();
        Ok(Value::Float(numbers?.iter().sum()))
    }

    fn extreme(self, arguments: &[Value], wanted: Ordering) -> Result<Value, ConditionError> {
        let items = match arguments {
            [Value::List(items)] => items,
            several => several,
        };
        let mut best: Option<&Value> = None;
        for item in items {
            if item.number().is_none() {
                return Err(self.unfit(item));
            }
            best = match best {
                Some(found) if compare(item, found) != Some(wanted) => Some(found),
                _ => Some(item),
            };
        }
        best.cloned().ok_or_else(|| ConditionError::new(format!("{} of nothing", self.name())))
    }

    fn median(self, value: &Value) -> Result<Value, ConditionError> {
        let mut numbers = self.numbers(value)?;
        numbers.sort_by(f64::total_cmp);
        let middle = numbers.len() / 2;
        match (numbers.get(middle), numbers.len() % 2) {
            (None, _) => Err(ConditionError::new("median of nothing")),
            (Some(number), 1) => Ok(Value::Float(*number)),
            (Some(upper), _) => Ok(Value::Float(f64::midpoint(numbers[middle - 1], *upper))),
        }
    }

    fn rounded(self, value: &Value, round: fn(f64) -> f64) -> Result<Value, ConditionError> {
        value.number().map(|number| Value::Float(round(number))).ok_or_else(|| self.unfit(value))
    }

    fn changed(self, value: &Value, change: impl Fn(&str) -> String) -> Result<Value, ConditionError> {
        match value {
            Value::Text(text) => Ok(Value::Text(change(text))),
            other => Err(self.unfit(other)),
        }
    }
}

fn whole(count: usize) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A whole number or the text of one; a fraction is cut off, but not that of a text.
fn as_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        // The bounds are exact powers of two, so the comparison is exact too.
        Value::Float(number)
            if *number >= -9_223_372_036_854_775_808.0 && *number < 9_223_372_036_854_775_808.0 =>
        {
            Some(*number as i64)
        }
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn as_float(value: &Value) -> Option<f64> {
    match value {
        Value::Text(text) => text.parse().ok(),
        other => other.number(),
    }
}
