//! Which names in an attribute's expression are fields of the model; rustc resolves all others.

use std::fmt::Write;

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Arm, Block, Expr, ExprClosure, ExprForLoop, ExprIf, ExprIndex, ExprLit, ExprWhile, Ident, Item,
    Lit, Local, Pat, PatIdent,
};

use crate::ctxt::Ctxt;
use crate::sugar;

/// Number of inputs that feed one output, in a prior.
pub(crate) const FAN_IN: &str = "fan_in";

/// The data's offset, in a likelihood.
pub(crate) const OFFSET: &str = "offset";

/// A field that an expression names.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    /// The field's number.
    pub(crate) field: usize,
    /// The name where it stands in the expression.
    pub(crate) ident: Ident,
    /// The index behind it, if there is one.
    pub(crate) column: Option<Column>,
}

/// The index in `output[1]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) index: usize,
    pub(crate) end: Span,
}

/// What an expression names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) mentions: Vec<Mention>,
    pub(crate) fan_in: Option<Ident>,
    pub(crate) offset: Option<Ident>,
}

/// In which attribute the expression stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Fields are numbers, and `fan_in` is known.
    Prior,
    /// Fields are terms, which an integer literal indexes, and `offset` is known.
    Likelihood,
}

impl Place {
    /// What is known there besides fields.
    fn known(self) -> &'static str {
        match self {
            Self::Prior => FAN_IN,
            Self::Likelihood => OFFSET,
        }
    }
}

/// Finds the fields that `expression` names, and rewrites what is not Rust: the indices of a likelihood. `None` after a
/// mistake.
pub(crate) fn resolve(
    ctxt: &Ctxt,
    fields: &[String],
    place: Place,
    expression: &mut Expr,
) -> Option<Names> {
    let mut resolver = Resolver {
        fields,
        place,
        locals: Vec::new(),
        names: Names::default(),
        mistakes: Vec::new(),
    };
    resolver.visit_expr_mut(expression);
    let fine = resolver.mistakes.is_empty();
    resolver
        .mistakes
        .into_iter()
        .for_each(|mistake| ctxt.push(mistake));
    fine.then_some(resolver.names)
}

fn unknown(name: &str, fields: &[String], place: Place) -> String {
    let known = fields.iter().map(String::as_str);
    let all = known.clone().chain([place.known()]);
    // Two neighbours in the wrong order are one slip of the fingers.
    let near = all
        .map(|field| (strsim::osa_distance(name, field), field))
        .min();
    let mut text = format!("no field `{name}` in this model; ");
    match near {
        Some((distance, field)) if distance <= 2 && distance < name.chars().count() => {
            let _ = write!(text, "did you mean `{field}`?");
        }
        _ => {
            let list: Vec<_> = known.map(|field| format!("`{field}`")).collect();
            let _ = write!(text, "its fields are {}", list.join(", "));
        }
    }
    let _ = write!(text, " (a constant of that name is written `self::{name}`)");
    text
}

struct Resolver<'a> {
    fields: &'a [String],
    place: Place,
    /// Names that the expression itself binds, innermost last.
    locals: Vec<Ident>,
    names: Names,
    mistakes: Vec<syn::Error>,
}

impl Resolver<'_> {
    /// The field that a bare name is, unless the expression binds that name itself.
    fn field(&self, ident: &Ident) -> Option<usize> {
        let name = ident.unraw().to_string();
        let field = self.fields.iter().position(|field| *field == name)?;
        (!self.locals.contains(ident)).then_some(field)
    }

    /// Takes note of a bare name; whether it is a field, or stands for a term as a field does.
    fn mention(&mut self, ident: &Ident, column: Option<Column>) -> bool {
        if let Some(field) = self.field(ident) {
            let ident = ident.clone();
            self.names.mentions.push(Mention {
                field,
                ident,
                column,
            });
            return true;
        }
        if self.locals.contains(ident) {
            return false;
        }
        if ident == self.place.known() {
            let names = &mut self.names;
            let slot = match self.place {
                Place::Prior => &mut names.fan_in,
                Place::Likelihood => &mut names.offset,
            };
            slot.get_or_insert_with(|| ident.clone());
            return true;
        } else if ident
            .unraw()
            .to_string()
            .starts_with(|c: char| c.is_lowercase() || c == '_')
        {
            let text = unknown(&ident.unraw().to_string(), self.fields, self.place);
            self.mistakes.push(syn::Error::new(ident.span(), text));
        }
        false
    }

    fn bind(&mut self, pattern: &Pat) {
        struct Bound<'a>(&'a mut Vec<Ident>);
        impl<'a> Visit<'a> for Bound<'_> {
            fn visit_pat_ident(&mut self, pattern: &'a PatIdent) {
                self.0.push(pattern.ident.clone());
                syn::visit::visit_pat_ident(self, pattern);
            }
        }
        Bound(&mut self.locals).visit_pat(pattern);
    }

    /// Runs `visit` and forgets the names that it binds.
    fn scope(&mut self, visit: impl FnOnce(&mut Self)) {
        let outside = self.locals.len();
        visit(self);
        self.locals.truncate(outside);
    }

    /// `output[1]` as `output.column(1)`; `None` where it is not a field that is indexed.
    fn column(&mut self, index: &ExprIndex) -> Option<Expr> {
        let ident = bare(&index.expr)?;
        self.field(&ident)?;
        let number = integer(&index.index);
        if number.is_none() {
            let text = format!("an output is picked by a whole number, such as `{ident}[0]`");
            self.mistakes
                .push(syn::Error::new_spanned(&index.index, text));
        }
        let column = Column {
            index: number.unwrap_or_default(),
            end: index.bracket_token.span.close(),
        };
        self.mention(&ident, Some(column));
        let name = Ident::new("column", index.index.span());
        let argument = (*index.index).clone();
        Some(sugar::method((*index.expr).clone(), name, [argument]))
    }

    /// A field in a likelihood as a copy of its own, so that it can be named more than once.
    fn copy(expression: &mut Expr) {
        let name = Ident::new("clone", expression.span());
        *expression = sugar::method(std::mem::replace(expression, Expr::PLACEHOLDER), name, []);
    }
}

/// A name without `r#`.
pub(crate) fn name(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// The name that an expression consists of.
pub(crate) fn bare(expression: &Expr) -> Option<Ident> {
    match expression {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident().cloned(),
        _ => None,
    }
}

/// The whole number that an expression is.
pub(crate) fn integer(expression: &Expr) -> Option<usize> {
    match expression {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse().ok(),
        _ => None,
    }
}

impl VisitMut for Resolver<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        if let Some(ident) = bare(expression) {
            if self.mention(&ident, None) && self.place == Place::Likelihood {
                Self::copy(expression);
            }
            return;
        }
        match expression {
            // A function's name is not a field's.
            Expr::Call(call) if bare(&call.func).is_some() => {
                call.args.iter_mut().for_each(|a| self.visit_expr_mut(a));
            }
            Expr::Index(index) if self.place == Place::Likelihood => match self.column(index) {
                Some(column) => *expression = column,
                None => visit_mut::visit_expr_mut(self, expression),
            },
            other => visit_mut::visit_expr_mut(self, other),
        }
    }

    fn visit_expr_closure_mut(&mut self, closure: &mut ExprClosure) {
        self.scope(|this| {
            closure.inputs.iter().for_each(|input| this.bind(input));
            this.visit_expr_mut(&mut closure.body);
        });
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        self.scope(|this| visit_mut::visit_block_mut(this, block));
    }

    fn visit_local_mut(&mut self, local: &mut Local) {
        visit_mut::visit_local_mut(self, local);
        self.bind(&local.pat);
    }

    fn visit_expr_let_mut(&mut self, condition: &mut syn::ExprLet) {
        self.visit_expr_mut(&mut condition.expr);
        self.bind(&condition.pat);
    }

    fn visit_expr_if_mut(&mut self, choice: &mut ExprIf) {
        self.scope(|this| {
            this.visit_expr_mut(&mut choice.cond);
            this.visit_block_mut(&mut choice.then_branch);
        });
        if let Some((_, otherwise)) = &mut choice.else_branch {
            self.visit_expr_mut(otherwise);
        }
    }

    fn visit_expr_while_mut(&mut self, repeat: &mut ExprWhile) {
        self.scope(|this| visit_mut::visit_expr_while_mut(this, repeat));
    }

    fn visit_expr_for_loop_mut(&mut self, repeat: &mut ExprForLoop) {
        self.visit_expr_mut(&mut repeat.expr);
        self.scope(|this| {
            this.bind(&repeat.pat);
            this.visit_block_mut(&mut repeat.body);
        });
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        self.scope(|this| {
            this.bind(&arm.pat);
            if let Some((_, guard)) = &mut arm.guard {
                this.visit_expr_mut(guard);
            }
            this.visit_expr_mut(&mut arm.body);
        });
    }

    /// An item inside a block sees no fields, as it sees no locals.
    fn visit_item_mut(&mut self, _: &mut Item) {}

    /// A pattern's constants are not fields.
    fn visit_pat_mut(&mut self, _: &mut Pat) {}

    /// A type's constants are not fields.
    fn visit_type_mut(&mut self, _: &mut syn::Type) {}

    fn visit_generic_argument_mut(&mut self, _: &mut syn::GenericArgument) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::text_of;

    fn fields() -> Vec<String> {
        ["tau", "output", "noise"].map(str::to_owned).to_vec()
    }

    fn named(place: Place, text: &str) -> (Vec<usize>, bool, String) {
        let ctxt = Ctxt::new();
        let mut expression = syn::parse_str(text).unwrap();
        let names = resolve(&ctxt, &fields(), place, &mut expression);
        assert_eq!(ctxt.into_messages(), [""; 0]);
        let names = names.unwrap();
        let fields = names.mentions.iter().map(|m| m.field).collect();
        (fields, names.fan_in.is_some(), text_of(expression))
    }

    fn message(place: Place, text: &str) -> Vec<String> {
        let ctxt = Ctxt::new();
        let names = resolve(&ctxt, &fields(), place, &mut syn::parse_str(text).unwrap());
        assert!(names.is_none());
        ctxt.into_messages()
    }

    #[test]
    fn bare_names_are_fields() {
        let prior = |text| {
            let (fields, fan_in, after) = named(Place::Prior, text);
            assert_eq!(after, text_of(syn::parse_str::<Expr>(text).unwrap()));
            (fields, fan_in)
        };
        assert_eq!(prior("Normal(0.0, tau * 0.5)"), (vec![0], false));
        assert_eq!(
            prior("Normal(noise, tau / fan_in.sqrt())"),
            (vec![2, 0], true)
        );
        assert_eq!(
            prior("tau(x::tau, self::noise, S.tau, F.tau(), SCALE)"),
            (vec![], false)
        );
        assert_eq!(prior("Normal(0.0, (|tau| tau)(1.0))"), (vec![], false));
        assert_eq!(
            prior("Normal(0.0, { let noise = tau; noise })"),
            (vec![0], false)
        );
        assert_eq!(
            prior("if let Some(tau) = X { P(tau) } else { P(tau) }"),
            (vec![0], false)
        );
        assert_eq!(
            prior("match A { tau if tau > 1.0 => P(tau), _ => P(noise) }"),
            (vec![2], false)
        );
        assert_eq!(prior("P { tau }"), (vec![0], false));
    }

    #[test]
    fn an_index_is_a_column() {
        assert_eq!(
            named(Place::Likelihood, "f(output[1].exp(), output, A[1], noise)"),
            (
                vec![1, 1, 2],
                false,
                "f(output.column(1).exp(), output.clone(), A[1], noise.clone())".to_owned()
            )
        );
    }

    #[test]
    fn offset_is_a_term_of_the_data_unless_a_field_has_its_name() {
        let (fields, _, after) = named(Place::Likelihood, "f(output + offset)");
        assert_eq!(
            (fields, after),
            (vec![1], "f(output.clone() + offset.clone())".to_owned())
        );
        assert!(message(Place::Prior, "f(offset)")[0].contains("no field `offset`"));
        assert!(message(Place::Likelihood, "f(ofset)")[0].contains("did you mean `offset`?"));
        let ctxt = Ctxt::new();
        let mut expression = syn::parse_str("f(offset)").unwrap();
        let field = ["offset".to_owned()];
        let names = resolve(&ctxt, &field, Place::Likelihood, &mut expression).unwrap();
        assert!(names.offset.is_none() && names.mentions.len() == 1);
        assert_eq!(ctxt.into_messages(), [""; 0]);
    }

    #[test]
    fn an_unknown_name_has_a_suggestion() {
        let constant = " (a constant of that name is written `self::tua`)";
        assert_eq!(
            message(Place::Prior, "Normal(0.0, tua)"),
            [format!(
                "no field `tua` in this model; did you mean `tau`?{constant}"
            )]
        );
        let all = message(Place::Likelihood, "f(fan_in, nosie)");
        assert!(
            all[0].contains("its fields are `tau`, `output`, `noise`"),
            "{all:?}"
        );
        assert!(all[1].contains("did you mean `noise`?"), "{all:?}");
        assert!(message(Place::Prior, "f(fan_out)")[0].contains("its fields are"));
        assert!(message(Place::Prior, "f(fanin)")[0].contains("did you mean `fan_in`?"));
    }

    #[test]
    fn neighbours_in_the_wrong_order_are_one_mistake() {
        // Two swaps; as replacements they would be more than the two mistakes that a suggestion allows.
        assert!(strsim::levenshtein("onsie", "noise") > 2);
        assert!(message(Place::Prior, "f(onsie)")[0].contains("did you mean `noise`?"));
        // A name that has nothing of the other is no misspelling of it, however short.
        assert!(message(Place::Prior, "f(xy)")[0].contains("its fields are"));
    }
}
