//! What the user wrote, with spans: the struct without the language's attributes, and their expressions.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{
    Expr, Fields, GenericParam, Generics, Ident, Item, ItemStruct, Type, Visibility, parse_quote,
};

use crate::attr::{self, Given, Helper};
use crate::ctxt::Ctxt;
use crate::derives::{self, Derives};
use crate::tokens::text_of;

/// A struct that can be a model.
pub(crate) struct Source {
    /// The struct as it is emitted again: without the language's attributes, with the derives that it lacked.
    pub(crate) item: ItemStruct,
    pub(crate) fields: Vec<Field>,
    pub(crate) likelihood: Given<Expr>,
    pub(crate) infer: Given<Expr>,
    /// Whether the model says `#[standardise]`.
    pub(crate) standardised: bool,
}

/// A named field.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    /// The identifier without `r#`.
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// The type as a reader would write it.
    pub(crate) text: String,
    /// One for all of its parameters, or one for each by name.
    pub(crate) priors: Given<Vec<(Option<Ident>, Expr)>>,
}

/// What stands under the attribute when it cannot be a model, which has been reported.
pub(crate) enum NoModel {
    /// An item of another kind, or a struct without what a model needs.
    Item(Box<Item>),
    /// No item at all.
    Tokens(TokenStream),
}

impl NoModel {
    fn item(item: Item) -> Self {
        Self::Item(Box::new(item))
    }
}

impl Source {
    /// Reads the item under the attribute.
    pub(crate) fn read(ctxt: &Ctxt, item: TokenStream) -> Result<Self, NoModel> {
        match syn::parse2::<Item>(item.clone()) {
            Ok(Item::Struct(item)) => Self::of(ctxt, item),
            Ok(other) => {
                let (place, what) = match &other {
                    Item::Enum(item) => (item.enum_token.to_token_stream(), "an enum"),
                    Item::Union(item) => (item.union_token.to_token_stream(), "a union"),
                    // No tokens: the attribute itself.
                    _ => (TokenStream::new(), "this item"),
                };
                ctxt.error(
                    place,
                    format!("a model is a struct with named fields, not {what}"),
                );
                Err(NoModel::item(other))
            }
            Err(error) => {
                ctxt.push(error);
                Err(NoModel::Tokens(item))
            }
        }
    }

    fn of(ctxt: &Ctxt, mut item: ItemStruct) -> Result<Self, NoModel> {
        if !can_be_a_model(ctxt, &item) {
            return Err(NoModel::item(Item::Struct(item)));
        }
        let likelihood = attr::take(ctxt, Helper::Likelihood, &mut item.attrs);
        let infer = attr::take(ctxt, Helper::Infer, &mut item.attrs);
        let standardised = attr::take_mark(ctxt, Helper::Standardise, &mut item.attrs);
        attr::refuse(ctxt, Helper::Prior, &mut item.attrs);
        if matches!(likelihood, Given::Absent) {
            ctxt.error(
                &item.ident,
                "a model needs one `#[likelihood(..)]`, for example `#[likelihood(Normal(mean = output, sd = noise))]`",
            );
        }
        let fields = item
            .fields
            .iter_mut()
            .filter_map(|f| Field::of(ctxt, f))
            .collect();
        derives::add(&mut item.attrs, Derives::All);
        Ok(Self {
            item,
            fields,
            likelihood,
            infer,
            standardised,
        })
    }
}

impl Field {
    /// `None` for a field without a name, which `can_be_a_model` has refused.
    fn of(ctxt: &Ctxt, field: &mut syn::Field) -> Option<Self> {
        let priors = attr::take_priors(ctxt, &mut field.attrs);
        attr::refuse(ctxt, Helper::Likelihood, &mut field.attrs);
        attr::refuse(ctxt, Helper::Infer, &mut field.attrs);
        attr::refuse(ctxt, Helper::Standardise, &mut field.attrs);
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("cfg")) {
            ctxt.error(
                &attribute.meta,
                "a field of a model cannot depend on `cfg`; put the attribute on the struct",
            );
        }
        let ident = field.ident.clone()?;
        Some(Self {
            name: ident.unraw().to_string(),
            ident,
            text: text_of(&field.ty),
            ty: field.ty.clone(),
            priors,
        })
    }

    /// Whether a size in the type is written `Dyn`.
    pub(crate) fn is_dyn(&self) -> bool {
        fn names_dyn(tokens: TokenStream) -> bool {
            tokens.into_iter().any(|token| match token {
                proc_macro2::TokenTree::Ident(ident) => ident == "Dyn",
                proc_macro2::TokenTree::Group(group) => names_dyn(group.stream()),
                _ => false,
            })
        }
        names_dyn(self.ty.to_token_stream())
    }
}

/// Reports everything that keeps `item` from being a model whatever its attributes say.
fn can_be_a_model(ctxt: &Ctxt, item: &ItemStruct) -> bool {
    let named = match &item.fields {
        Fields::Named(fields) if fields.named.is_empty() => {
            ctxt.error(&item.ident, "a model needs at least one field: a layer such as `output: Linear<11, 1>`, or a parameter such as `mean: Scale`");
            false
        }
        Fields::Named(_) => true,
        Fields::Unnamed(fields) => {
            ctxt.error(fields, "the fields of a model have names, which priors and the likelihood use: write `{ output: Linear<11, 1>, .. }`");
            false
        }
        Fields::Unit => {
            ctxt.error(
                &item.ident,
                "a model is a struct with named fields: write `{ output: Linear<11, 1>, .. }`",
            );
            false
        }
    };
    // Not `named && ..`: both are reported.
    named & generics_are_sizes(ctxt, &item.generics)
}

fn generics_are_sizes(ctxt: &Ctxt, generics: &Generics) -> bool {
    let mut fine = true;
    for parameter in &generics.params {
        if !matches!(parameter, GenericParam::Const(c) if c.ty == parse_quote!(usize)) {
            ctxt.error(
                parameter,
                "the generics of a model are sizes, such as `const D: usize`",
            );
            fine = false;
        }
    }
    if let Some(clause) = &generics.where_clause {
        ctxt.error(
            clause,
            "a model has no where-clause: its generics are sizes",
        );
        fine = false;
    }
    fine
}

/// What the expansion needs of the struct besides its fields.
impl Source {
    pub(crate) fn vis(&self) -> &Visibility {
        &self.item.vis
    }

    pub(crate) fn ident(&self) -> &Ident {
        &self.item.ident
    }

    /// The model's name in messages.
    pub(crate) fn name(&self) -> String {
        self.item.ident.unraw().to_string()
    }

    /// The names of the const generics.
    pub(crate) fn sizes(&self) -> Vec<&Ident> {
        self.item
            .generics
            .const_params()
            .map(|p| &p.ident)
            .collect()
    }
}
