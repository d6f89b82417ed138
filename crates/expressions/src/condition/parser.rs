//! Tokens into a syntax tree. Precedence as in the language's grammar, from weak to strong:
//! pipe, ternary, or, and, comparisons, range, sum, product, not, minus, power, `??`.

use super::ConditionError;
use super::functions::Function;
use super::lexer::Token;

/// How deep expressions may nest.
const MAX_DEPTH: usize = 50;
/// Operators, members and pipes that follow each other, each around the one before.
const MAX_LINKS: usize = 200;

/// A node of the syntax tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
    /// The measured result.
    Result,
    /// The element that a predicate looks at.
    Element,
    /// Its place in the list.
    Index,
    Unary(Sign, Box<Self>),
    Binary(Operator, Box<Self>, Box<Self>),
    Conditional(Box<Self>, Box<Self>, Box<Self>),
    /// Element of a list or field of a map; whether a missing base gives nil.
    Member(Box<Self>, Box<Self>, bool),
    Slice(Box<Self>, Option<Box<Self>>, Option<Box<Self>>),
    /// A text against an expression that is written out.
    Matches(Box<Self>, Pattern),
    Call(Function, Vec<Self>),
}

/// A regular expression.
#[derive(Clone, Debug)]
pub(super) struct Pattern(pub(super) regex::Regex);

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, ConditionError> {
        let pattern = regex::RegexBuilder::new(text).size_limit(1 << 20).build();
        pattern.map(Self).map_err(|error| ConditionError::new(error.to_string()))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Not,
    Minus,
    Plus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Coalesce,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

pub(super) fn parse(tokens: &[(usize, Token)]) -> Result<Expression, ConditionError> {
    let mut parser = Parser { tokens, position: 0, depth: 0, links: 0, in_predicate: 0 };
    if tokens.is_empty() {
        return Err(ConditionError::new("the condition is empty"));
    }
    let root = parser.expression()?;
    match parser.peek() {
        None => Ok(root),
        Some(_) => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    position: usize,
    depth: usize,
    links: usize,
    /// How many predicates are around: `#` means something only there.
    in_predicate: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position).map(|(_, token)| token)
    }

    fn unexpected(&self) -> ConditionError {
        match self.tokens.get(self.position) {
            None => ConditionError::new("unexpected end of the condition"),
            Some((at, token)) => {
                let shown = match token {
                    Token::Int(number) => number.to_string(),
                    Token::Float(number) => number.to_string(),
                    Token::Text(text) => format!("{text:?}"),
                    Token::Name(name) => name.clone(),
                    Token::Mark(mark) => (*mark).to_owned(),
                };
                ConditionError::new(format!("unexpected `{shown}` at character {at}"))
            }
        }
    }

    fn takes(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Mark(found)) if *found == mark);
        self.position += usize::from(found);
        found
    }

    fn takes_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(found)) if found == name);
        self.position += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), ConditionError> {
        if self.takes(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// One more node around what was read so far.
    fn link(&mut self) -> Result<(), ConditionError> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(ConditionError::new(format!("the condition has more than {MAX_LINKS} operators")));
        }
        Ok(())
    }

    fn expression(&mut self) -> Result<Expression, ConditionError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ConditionError::new(format!("the condition nests deeper than {MAX_DEPTH}")));
        }
        let mut left = self.binary(0)?;
        if self.takes("?") {
            let yes = self.expression()?;
            self.expect(":")?;
            let no = self.expression()?;
            left = Expression::Conditional(Box::new(left), Box::new(yes), Box::new(no));
        }
        while self.takes("|") {
            self.link()?;
            let Some(Token::Name(name)) = self.peek().cloned() else { return Err(self.unexpected()) };
            let function = self.function(&name)?;
            left = self.call(function, Some(left))?;
            left = self.members(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// The operator that comes next with its strength; nothing is taken.
    fn operator(&self) -> Option<(Operator, u8, usize)> {
        let found = match self.peek()? {
            Token::Mark(mark) => match *mark {
                "||" => (Operator::Or, 1),
                "&&" => (Operator::And, 2),
                "==" => (Operator::Equal, 3),
                "!=" => (Operator::Unequal, 3),
                "<" => (Operator::Less, 3),
                "<=" => (Operator::LessOrEqual, 3),
                ">" => (Operator::Greater, 3),
                ">=" => (Operator::GreaterOrEqual, 3),
                ".." => (Operator::Range, 4),
                "+" => (Operator::Add, 5),
                "-" => (Operator::Subtract, 5),
                "*" => (Operator::Multiply, 6),
                "/" => (Operator::Divide, 6),
                "%" => (Operator::Remainder, 6),
                "**" | "^" => (Operator::Power, 7),
                "??" => (Operator::Coalesce, 8),
                _ => return None,
            },
            Token::Name(name) => match name.as_str() {
                "or" => (Operator::Or, 1),
                "and" => (Operator::And, 2),
                "in" => (Operator::In, 3),
                "contains" => (Operator::Contains, 3),
                "startsWith" => (Operator::StartsWith, 3),
                "endsWith" => (Operator::EndsWith, 3),
                "matches" => (Operator::Matches, 3),
                "not" => match self.tokens.get(self.position + 1) {
                    Some((_, Token::Name(next))) if next == "in" => return Some((Operator::NotIn, 3, 2)),
                    _ => return None,
                },
                _ => return None,
            },
            _ => return None,
        };
        Some((found.0, found.1, 1))
    }

    fn binary(&mut self, weakest: u8) -> Result<Expression, ConditionError> {
        let mut left = self.unary()?;
        while let Some((operator, strength, length)) = self.operator() {
            if strength < weakest {
                break;
            }
            self.position += length;
            self.link()?;
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(ConditionError::new(format!("the condition nests deeper than {MAX_DEPTH}")));
            }
            // A power binds to the right: 2 ** 3 ** 2 is 2 ** 9.
            let next = if operator == Operator::Power { strength } else { strength + 1 };
            let right = self.binary(next)?;
            self.depth -= 1;
            left = match (operator, right) {
                (Operator::Matches, Expression::Text(pattern)) => {
                    Expression::Matches(Box::new(left), Pattern::new(&pattern)?)
                }
                (operator, right) => Expression::Binary(operator, Box::new(left), Box::new(right)),
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, ConditionError> {
        let sign = if self.takes("!") || self.takes_name("not") {
            Sign::Not
        } else if self.takes("-") {
            Sign::Minus
        } else if self.takes("+") {
            Sign::Plus
        } else {
            let base = self.primary()?;
            return self.members(base);
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ConditionError::new(format!("the condition nests deeper than {MAX_DEPTH}")));
        }
        // `!a == b` denies `a` alone; `-a ** b` is the negative of the power.
        let strength = if sign == Sign::Not { 6 } else { 7 };
        let inner = self.binary(strength)?;
        self.depth -= 1;
        Ok(Expression::Unary(sign, Box::new(inner)))
    }

    fn primary(&mut self) -> Result<Expression, ConditionError> {
        let Some(token) = self.peek().cloned() else { return Err(self.unexpected()) };
        match token {
            Token::Int(number) => self.constant(Expression::Int(number)),
            Token::Float(number) => self.constant(Expression::Float(number)),
            Token::Text(text) => self.constant(Expression::Text(text)),
            Token::Name(name) => match name.as_str() {
                "true" => self.constant(Expression::Bool(true)),
                "false" => self.constant(Expression::Bool(false)),
                "nil" => self.constant(Expression::Nil),
                "result" => self.constant(Expression::Result),
                other => {
                    let function = self.function(other)?;
                    self.call(function, None)
                }
            },
            Token::Mark("(") => {
                self.position += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Mark("[") => {
                self.position += 1;
                Ok(Expression::List(self.items("]")?))
            }
            Token::Mark("{") => {
                self.position += 1;
                self.map()
            }
            Token::Mark("#") if self.in_predicate > 0 => {
                self.position += 1;
                if self.takes_name("index") {
                    return Ok(Expression::Index);
                }
                Ok(Expression::Element)
            }
            // In a predicate `.field` is short for `#.field`.
            Token::Mark(".") if self.in_predicate > 0 => Ok(Expression::Element),
            Token::Mark(_) => Err(self.unexpected()),
        }
    }

    // A value for `primary`, which gives a result.
    #[expect(clippy::unnecessary_wraps, reason = "one arm of many")]
    fn constant(&mut self, expression: Expression) -> Result<Expression, ConditionError> {
        self.position += 1;
        Ok(expression)
    }

    fn members(&mut self, mut base: Expression) -> Result<Expression, ConditionError> {
        loop {
            let optional = self.takes("?.");
            if optional || self.takes(".") {
                self.link()?;
                if optional && self.takes("[") {
                    let key = self.expression()?;
                    self.expect("]")?;
                    base = Expression::Member(Box::new(base), Box::new(key), true);
                    continue;
                }
                let Some(Token::Name(name)) = self.peek().cloned() else { return Err(self.unexpected()) };
                self.position += 1;
                base = Expression::Member(Box::new(base), Box::new(Expression::Text(name)), optional);
            } else if self.takes("[") {
                self.link()?;
                base = self.subscript(base)?;
            } else {
                return Ok(base);
            }
        }
    }

    fn subscript(&mut self, base: Expression) -> Result<Expression, ConditionError> {
        let from = if self.takes(":") {
            None
        } else {
            let key = self.expression()?;
            if self.takes("]") {
                return Ok(Expression::Member(Box::new(base), Box::new(key), false));
            }
            self.expect(":")?;
            Some(Box::new(key))
        };
        let to = if self.takes("]") {
            None
        } else {
            let end = self.expression()?;
            self.expect("]")?;
            Some(Box::new(end))
        };
        Ok(Expression::Slice(Box::new(base), from, to))
    }

    fn items(&mut self, end: &str) -> Result<Vec<Expression>, ConditionError> {
        let mut items = Vec::new();
        while !self.takes(end) {
            items.push(self.expression()?);
            if !self.takes(",") {
                self.expect(end)?;
                break;
            }
        }
        Ok(items)
    }

    fn map(&mut self) -> Result<Expression, ConditionError> {
        let mut fields = Vec::new();
        while !self.takes("}") {
            let Some(Token::Name(name) | Token::Text(name)) = self.peek().cloned() else {
                return Err(self.unexpected());
            };
            self.position += 1;
            self.expect(":")?;
            fields.push((name, self.expression()?));
            if !self.takes(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Expression::Map(fields))
    }

    fn function(&self, name: &str) -> Result<Function, ConditionError> {
        let at = self.tokens.get(self.position).map_or(0, |(at, _)| *at);
        let called = matches!(self.tokens.get(self.position + 1), Some((_, Token::Mark("("))));
        Function::named(name).filter(|_| called).ok_or_else(|| {
            ConditionError::new(format!(
                "unknown name {name} at character {at}; the measured value is `result`"
            ))
        })
    }

    /// The arguments of a call; what a pipe brings comes first.
    fn call(&mut self, function: Function, first: Option<Expression>) -> Result<Expression, ConditionError> {
        self.position += 1;
        self.expect("(")?;
        let mut arguments: Vec<Expression> = first.into_iter().collect();
        while !self.takes(")") {
            let predicate = function.takes_predicate() && !arguments.is_empty();
            arguments.push(if predicate { self.predicate()? } else { self.expression()? });
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        let (least, most) = function.arguments();
        if !(least..=most).contains(&arguments.len()) {
            return Err(ConditionError::new(format!(
                "{} takes {} arguments, not {}",
                function.name(),
                if least == most { least.to_string() } else { format!("{least} to {most}") },
                arguments.len()
            )));
        }
        Ok(Expression::Call(function, arguments))
    }

    fn predicate(&mut self) -> Result<Expression, ConditionError> {
        self.in_predicate += 1;
        let braces = self.takes("{");
        let body = self.expression()?;
        if braces {
            self.expect("}")?;
        }
        self.in_predicate -= 1;
        Ok(body)
    }
}
