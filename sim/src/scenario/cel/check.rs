//! Checks what an expression names and puts together, before anything runs.

use std::ops::Range;

use cel::Program;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
};

use super::CelMistake;
use super::types::{FUNCTIONS, Type, VARIABLES};
use crate::scenario::mistake::did_you_mean;

/// Everything that is wrong with a parsed expression.
pub(super) fn check(program: &Program, source: &str) -> Vec<CelMistake> {
    let mut checker = Checker {
        program,
        source,
        scope: Vec::new(),
        mistakes: Vec::new(),
    };
    let root = program.expression();
    let found = checker.infer(root);
    if !matches!(found, Type::Bool | Type::Any) && checker.mistakes.is_empty() {
        let help = "compare it with something".to_owned();
        let message = format!("the expression must be true or false, but it is {found}");
        let span = 0..source.len();
        checker.mistakes.push(CelMistake {
            message,
            help: Some(help),
            span,
        });
    }
    checker.mistakes
}

struct Checker<'a> {
    program: &'a Program,
    source: &'a str,
    scope: Vec<(String, Type)>,
    mistakes: Vec<CelMistake>,
}

impl Checker<'_> {
    fn wrong(&mut self, id: u64, message: String, help: Option<String>) -> Type {
        let span = self.span(id);
        let known = self.mistakes.iter().any(|mistake| mistake.span == span);
        if !known {
            self.mistakes.push(CelMistake {
                message,
                help,
                span,
            });
        }
        Type::Any
    }

    /// The parser counts characters, and its ends are inclusive.
    fn span(&self, id: u64) -> Range<usize> {
        let Some((start, stop)) = self.program.source_info().offset_for(id) else {
            return 0..self.source.len();
        };
        let byte = |at: u32| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            self.source
                .char_indices()
                .nth(at)
                .map_or(self.source.len(), |(byte, _)| byte)
        };
        let (start, end) = (byte(start), byte(stop.saturating_add(1)));
        start.min(end)..end
    }

    fn infer(&mut self, node: &IdedExpr) -> Type {
        match &node.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Double(_) => Type::Double,
                LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Int,
                LiteralValue::String(_) => Type::String,
                LiteralValue::Null => Type::Null,
                LiteralValue::Bytes(_) => Type::Any,
            },
            Expr::Ident(name) => self.variable(node.id, name),
            Expr::Select(select) => self.select(node.id, select),
            Expr::Call(call) => self.call(node.id, call),
            Expr::List(list) => {
                let types: Vec<_> = list.elements.iter().map(|item| self.infer(item)).collect();
                let joined = types.into_iter().reduce(|a, b| a.join(&b));
                Type::list(joined.unwrap_or(Type::Any))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key);
                        self.infer(&entry.value);
                    }
                }
                Type::Map(Box::new(Type::Any))
            }
            Expr::Comprehension(comprehension) => self.comprehension(node.id, comprehension),
            Expr::Struct(_) => self.wrong(
                node.id,
                "there are no messages to construct".to_owned(),
                None,
            ),
            Expr::Unspecified => Type::Any,
        }
    }

    fn variable(&mut self, id: u64, name: &str) -> Type {
        if let Some((_, found)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return found.clone();
        }
        if let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) {
            return variable.known.into();
        }
        let local = self.scope.iter().map(|(name, _)| name.as_str());
        let local = local.filter(|name| !name.starts_with('@'));
        let known: Vec<_> = local
            .chain(VARIABLES.iter().map(|known| known.name))
            .collect();
        let help = did_you_mean(name, "variable", known.iter().copied());
        self.wrong(id, format!("there is no variable `{name}`"), help)
    }

    fn select(&mut self, id: u64, select: &SelectExpr) -> Type {
        let field = select.field.as_str();
        let found = match self.infer(&select.operand) {
            Type::Object(shape) => match shape.fields.iter().find(|known| known.name == field) {
                Some(known) => known.known.into(),
                None => {
                    let known = shape.fields.iter().map(|field| field.name);
                    let help = did_you_mean(field, "field", known);
                    let message = format!("{} has no field `{field}`", shape.name);
                    self.wrong(id, message, help)
                }
            },
            Type::Map(of) => *of,
            Type::Any => Type::Any,
            Type::List(_) => {
                let help = "choose an element, as in `runs[0]`, or use all, exists, map or filter";
                let message = format!("a list has no field `{field}`");
                self.wrong(id, message, Some(help.to_owned()))
            }
            other => self.wrong(id, format!("{other} has no field `{field}`"), None),
        };
        if select.test { Type::Bool } else { found }
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> Type {
        let target = call.target.as_ref().map(|target| self.infer(target));
        let args: Vec<_> = call.args.iter().map(|arg| self.infer(arg)).collect();
        let accumulates = call
            .args
            .iter()
            .any(|arg| matches!(&arg.expr, Expr::Ident(name) if name.starts_with('@')));
        match (call.func_name.as_str(), target, args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, None, sides) => {
                self.conditions(call, sides, accumulates)
            }
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, None, sides) => {
                self.conditions(call, sides, accumulates)
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                if !matches!(condition, Type::Bool | Type::Any) {
                    let message = format!("a condition must be true or false, not {condition}");
                    self.wrong(call.args[0].id, message, None);
                }
                yes.clone().join(no)
            }
            (operators::EQUALS | operators::NOT_EQUALS, None, [a, b]) => {
                if !a.may_equal(b) {
                    self.wrong(id, format!("{a} is never equal to {b}"), None);
                }
                Type::Bool
            }
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                None,
                [a, b],
            ) => {
                if !ordered(a, b) {
                    self.wrong(id, format!("{a} cannot be compared with {b}"), None);
                }
                Type::Bool
            }
            (operators::IN, None, [item, within]) => self.within(id, item, within),
            (operators::INDEX, None, [of, index]) => self.index(id, of, index),
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                None,
                [a, b],
            ) => self.arithmetic(id, &call.func_name, a, b),
            (operators::NEGATE, None, [of]) => match of {
                Type::Int | Type::Double | Type::Any => of.clone(),
                other => self.wrong(id, format!("{other} has no negative"), None),
            },
            (name, target, args) => self.function(id, name, target, args),
        }
    }

    fn conditions(&mut self, call: &CallExpr, sides: &[Type], accumulates: bool) -> Type {
        for (arg, side) in call.args.iter().zip(sides) {
            if !matches!(side, Type::Bool | Type::Any) {
                let what = if accumulates {
                    "the condition"
                } else {
                    "each side"
                };
                let message = format!("{what} must be true or false, not {side}");
                self.wrong(arg.id, message, None);
            }
        }
        Type::Bool
    }

    fn within(&mut self, id: u64, item: &Type, within: &Type) -> Type {
        match within {
            Type::List(of) if !item.may_equal(of) => {
                self.wrong(
                    id,
                    format!("{item} is never in a list of such elements"),
                    None,
                );
            }
            Type::List(_) | Type::Any => {}
            Type::Map(_) | Type::Object(_) if matches!(item, Type::String | Type::Any) => {}
            Type::Map(_) | Type::Object(_) => {
                self.wrong(id, format!("keys are texts, not {item}"), None);
            }
            other => {
                let help = "for texts, write `text.contains(part)`".to_owned();
                self.wrong(id, format!("nothing is `in` {other}"), Some(help));
            }
        }
        Type::Bool
    }

    fn index(&mut self, id: u64, of: &Type, index: &Type) -> Type {
        match (of, index) {
            (Type::List(of), Type::Int | Type::Any) => (**of).clone(),
            (Type::List(_), other) => self.wrong(
                id,
                format!("elements of a list are numbered, so not {other}"),
                None,
            ),
            (Type::Map(of), Type::String | Type::Any) => (**of).clone(),
            (Type::Map(_), other) => self.wrong(id, format!("keys are texts, not {other}"), None),
            (Type::Any | Type::Object(_), _) => Type::Any,
            (other, _) => self.wrong(id, format!("{other} has no elements"), None),
        }
    }

    fn arithmetic(&mut self, id: u64, operator: &str, a: &Type, b: &Type) -> Type {
        let sign = operator.trim_matches('_');
        match (a, b) {
            (Type::Any, other) | (other, Type::Any) => match other {
                Type::Int | Type::Double | Type::Any | Type::List(_) | Type::String => Type::Any,
                other => self.wrong(id, format!("`{sign}` does not take {other}"), None),
            },
            (Type::Int, Type::Int) => Type::Int,
            (Type::Double, Type::Double) if operator != operators::MODULO => Type::Double,
            (Type::String, Type::String) if operator == operators::ADD => Type::String,
            (Type::List(a), Type::List(b)) if operator == operators::ADD => match (&**a, &**b) {
                (Type::Any, other) | (other, Type::Any) => Type::list(other.clone()),
                (a, b) => Type::list(a.clone().join(b)),
            },
            (Type::Int, Type::Double) | (Type::Double, Type::Int) => {
                let help = "write `10.0` for 10, or convert with double() or int()".to_owned();
                let message = format!("`{sign}` does not mix whole numbers and numbers");
                self.wrong(id, message, Some(help))
            }
            (a, b) => self.wrong(id, format!("`{sign}` does not take {a} and {b}"), None),
        }
    }

    fn function(&mut self, id: u64, name: &str, target: Option<Type>, args: &[Type]) -> Type {
        let all: Vec<_> = target.iter().chain(args).cloned().collect();
        match (name, target.is_some(), all.as_slice()) {
            ("size", _, [Type::List(_) | Type::Map(_) | Type::String | Type::Any]) => Type::Int,
            (
                "contains" | "startsWith" | "endsWith" | "matches",
                true,
                [Type::String | Type::Any, Type::String | Type::Any],
            ) => Type::Bool,
            ("string", false, [_]) => Type::String,
            ("int", false, [_]) => Type::Int,
            ("double", false, [_]) => Type::Double,
            ("sum", _, [Type::List(of)]) => match &**of {
                Type::Int => Type::Int,
                Type::Double => Type::Double,
                Type::Any => Type::Any,
                other => self.wrong(id, format!("{other} cannot be summed"), None),
            },
            ("sum", _, [Type::Any]) => Type::Any,
            (name, _, types) if FUNCTIONS.contains(&name) => {
                let types: Vec<_> = types.iter().map(ToString::to_string).collect();
                let message = format!("`{name}` does not take {}", types.join(" and "));
                self.wrong(id, message, None)
            }
            (name, ..) => {
                let help = did_you_mean(name, "function", FUNCTIONS.iter().copied());
                self.wrong(id, format!("there is no function `{name}`"), help)
            }
        }
    }

    fn comprehension(&mut self, id: u64, of: &ComprehensionExpr) -> Type {
        let item = match self.infer(&of.iter_range) {
            Type::List(item) => *item,
            Type::Map(_) => Type::String,
            Type::Any => Type::Any,
            other => self.wrong(id, format!("{other} has no elements"), None),
        };
        let start = self.infer(&of.accu_init);
        let depth = self.scope.len();
        self.scope.push((of.accu_var.clone(), start));
        self.scope.push((of.iter_var.clone(), item));
        let step = self.infer(&of.loop_step);
        self.scope.truncate(depth);
        self.scope.push((of.accu_var.clone(), step));
        let result = self.infer(&of.result);
        self.scope.truncate(depth);
        result
    }
}

fn ordered(a: &Type, b: &Type) -> bool {
    matches!(
        (a, b),
        (Type::Any, _)
            | (_, Type::Any)
            | (Type::Int | Type::Double, Type::Int | Type::Double)
            | (Type::String, Type::String)
    )
}
