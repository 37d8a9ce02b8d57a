//! The attribute's arguments: `key = literal`, separated by commas.
//!
//! The tokens are cut at the commas first, so that one wrong argument hides no other: each gives one error, at its own
//! span, which says what was expected, what was found, and shows how it is written.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use std::ops::RangeInclusive;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Ident, Lit, LitStr, Path, Result, Token};

/// Every argument that there is, and how it is written.
const KNOWN: &[(&str, &str)] = &[
    ("output", r#"output = "dir""#),
    ("sample_rate", "sample_rate = 0.01"),
    ("min_allocation_size", "min_allocation_size = 1024"),
    ("buffer_size", "buffer_size = 1048576"),
    ("overhead_budget", "overhead_budget = 0.005"),
    ("name", r#"name = "load rows""#),
    ("crate", "crate = memscope_rs"),
];

/// Any size will do.
const ANY_BYTES: RangeInclusive<u64> = 0..=u64::MAX;

/// The bounds of `buffer_size`: a page, and a GiB.
const BUFFER_BYTES: RangeInclusive<u64> = 4096..=1 << 30;

/// What `sample_rate` is, and what else to write.
const PROBABILITY: (&str, &str) =
    ("a probability", "`sample_rate = 1.0` to record every eligible allocation");

/// The same for `overhead_budget`.
const CPU_SHARE: (&str, &str) =
    ("a share of the process's CPU time", "`sample_rate` without it to sample whatever that costs");

/// What the attribute says; what is `None` was not given.
#[derive(Default)]
pub(crate) struct Args {
    /// The arguments as they were written, for an attribute that is handed on.
    pub(crate) tokens: TokenStream,
    pub(crate) output: Option<LitStr>,
    pub(crate) sample_rate: Option<f64>,
    pub(crate) min_allocation_size: Option<u64>,
    pub(crate) buffer_size: Option<u64>,
    pub(crate) overhead_budget: Option<f64>,
    /// Where that stands.
    budget_span: Option<Span>,
    pub(crate) name: Option<LitStr>,
    /// Where the crate memscope is.
    pub(crate) krate: Option<Path>,
}

/// Reads what stands in the attribute's parentheses.
///
/// # Errors
/// Everything that is wrong: one error for each wrong argument.
pub(crate) fn parse(tokens: TokenStream) -> Result<Args> {
    let mut args = Args { tokens: tokens.clone(), ..Args::default() };
    let mut errors: Option<Error> = None;
    let mut add = |error| match &mut errors {
        Some(errors) => Error::combine(errors, error),
        None => errors = Some(error),
    };
    for argument in split_at_commas(tokens) {
        let argument = argument.and_then(syn::parse2::<Argument>);
        if let Err(error) = argument.and_then(|argument| args.set(&argument)) {
            add(error);
        }
    }
    args.budget_of_exact_mode().map(add);
    errors.map_or(Ok(args), Err)
}

/// The arguments' tokens without the commas; a comma with nothing in front of it is an error.
fn split_at_commas(tokens: TokenStream) -> Vec<Result<TokenStream>> {
    let mut arguments = Vec::new();
    let mut argument = TokenStream::new();
    for token in tokens {
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => arguments.push(if argument.is_empty() {
                Err(Error::new(comma.span(), "expected an argument, found `,`: remove this comma"))
            } else {
                Ok(std::mem::take(&mut argument))
            }),
            token => argument.extend([token]),
        }
    }
    if !argument.is_empty() {
        arguments.push(Ok(argument));
    }
    arguments
}

impl Args {
    fn set(&mut self, argument: &Argument) -> Result<()> {
        let key = &argument.key;
        match key.to_string().as_str() {
            "output" => set(&mut self.output, key, argument.text()?),
            "sample_rate" => set(&mut self.sample_rate, key, argument.share(PROBABILITY)?),
            "min_allocation_size" => set(&mut self.min_allocation_size, key, argument.bytes(ANY_BYTES)?),
            "buffer_size" => set(&mut self.buffer_size, key, argument.bytes(BUFFER_BYTES)?),
            "overhead_budget" => {
                self.budget_span = Some(key.span());
                set(&mut self.overhead_budget, key, argument.share(CPU_SHARE)?)
            }
            "name" => set(&mut self.name, key, argument.text()?),
            "crate" => set(&mut self.krate, key, argument.path()?),
            _ => Err(unknown(key)),
        }
    }

    /// What is wrong with a budget beside exact mode.
    fn budget_of_exact_mode(&self) -> Option<Error> {
        let span =
            self.budget_span.filter(|_| self.overhead_budget.is_some() && self.sample_rate == Some(1.0))?;
        let message = "`overhead_budget` cannot be kept with `sample_rate = 1.0`, which records every allocation whatever it \
                       costs: lower `sample_rate`, or remove `overhead_budget`";
        Some(Error::new(span, message))
    }
}

fn set<T>(slot: &mut Option<T>, key: &Ident, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(key.span(), format!("`{key}` is given twice: remove one of the two"))),
    }
}

/// One `key = value` with a known key.
struct Argument {
    key: Ident,
    /// How it is written.
    example: &'static str,
    value: TokenStream,
}

impl Parse for Argument {
    fn parse(input: ParseStream) -> Result<Self> {
        if !input.peek(Ident::peek_any) {
            let found = input.parse::<TokenStream>()?;
            let message = format!("expected an argument such as `{}`, found `{found}`", KNOWN[0].1);
            return Err(Error::new_spanned(found, message));
        }
        let key = input.call(Ident::parse_any)?;
        let (_, example) = *KNOWN.iter().find(|(name, _)| key == name).ok_or_else(|| {
            // The rest is read, so that the parser does not report it as well.
            input.parse::<TokenStream>().map_or_else(|error| error, |_| unknown(&key))
        })?;
        let equals = input.parse::<Option<Token![=]>>()?;
        let value = input.parse::<TokenStream>()?;
        if equals.is_some() && !value.is_empty() {
            return Ok(Self { key, example, value });
        }
        let found =
            [key.into_token_stream(), equals.into_token_stream(), value].into_iter().collect::<TokenStream>();
        let message = format!("expected `{example}`, found `{found}`");
        Err(Error::new_spanned(found, message))
    }
}

impl Argument {
    /// A string with something in it.
    fn text(&self) -> Result<LitStr> {
        match self.literal()? {
            Lit::Str(text) if text.value().trim().is_empty() => {
                let Self { key, example, .. } = self;
                let message =
                    format!("`{key}` must not be empty: write for example `{example}`, or leave it out");
                Err(Error::new_spanned(&self.value, message))
            }
            Lit::Str(text) => Ok(text),
            other => Err(self.mismatch("a string", &other)),
        }
    }

    /// A number above 0 and up to 1; what it is, and what else could be written.
    fn share(&self, (what, one): (&str, &str)) -> Result<f64> {
        let literal = self.literal()?;
        let rate = match &literal {
            Lit::Float(number) if matches!(number.suffix(), "" | "f64") => number.base10_parse::<f64>()?,
            Lit::Int(number) if number.suffix().is_empty() => number.base10_parse::<f64>()?,
            other => return Err(self.mismatch("a number", other)),
        };
        if rate > 0.0 && rate <= 1.0 {
            return Ok(rate);
        }
        let Self { key, example, .. } = self;
        let message = format!(
            "`{key}` is {what}, 0 < {key} <= 1, found `{}`: write for example `{example}`, or {one}",
            literal.to_token_stream(),
        );
        Err(Error::new_spanned(&self.value, message))
    }

    /// A number of bytes within `range`.
    fn bytes(&self, range: RangeInclusive<u64>) -> Result<u64> {
        let number = match self.literal()? {
            Lit::Int(number) if matches!(number.suffix(), "" | "usize") => number,
            other => return Err(self.mismatch("a whole number of bytes", &other)),
        };
        match number.base10_parse::<u64>() {
            Ok(bytes) if range.contains(&bytes) => Ok(bytes),
            _ => {
                let Self { key, example, .. } = self;
                let (from, to) = range.into_inner();
                let message = format!(
                    "`{key}` is a number of bytes from {from} to {to}, found `{number}`: write for example `{example}`"
                );
                Err(Error::new_spanned(&self.value, message))
            }
        }
    }

    /// A path without generic arguments, bare or in a string.
    fn path(&self) -> Result<Path> {
        let path = match syn::parse2::<Lit>(self.value.clone()) {
            Ok(Lit::Str(text)) => text.parse_with(Path::parse_mod_style),
            _ => Path::parse_mod_style.parse2(self.value.clone()),
        };
        path.map_err(|_| {
            let Self { example, value, .. } = self;
            let message =
                format!("`crate` expects the path of memscope, such as `{example}`, found `{value}`");
            Error::new_spanned(value, message)
        })
    }

    fn literal(&self) -> Result<Lit> {
        let Self { key, example, value } = self;
        let mut tokens = value.clone().into_iter();
        if let (Some(TokenTree::Literal(_)), Some(TokenTree::Ident(next))) = (tokens.next(), tokens.next()) {
            let message = format!("expected `,`, found `{next}`: put a comma between two arguments");
            return Err(Error::new(next.span(), message));
        }
        syn::parse2(value.clone()).map_err(|_| {
            let message = format!(
                "`{key}` expects a literal, such as `{example}`, found `{value}`: it is read when the program is \
                 compiled, before names and operators have a meaning"
            );
            Error::new_spanned(value, message)
        })
    }

    fn mismatch(&self, expected: &str, found: &Lit) -> Error {
        let Self { key, example, .. } = self;
        let message = format!("`{key}` expects {expected}, such as `{example}`, found {}", describe(found));
        Error::new_spanned(&self.value, message)
    }
}

fn describe(literal: &Lit) -> String {
    let kind = match literal {
        Lit::Str(_) => "the string",
        Lit::ByteStr(_) => "the byte string",
        Lit::CStr(_) => "the C string",
        Lit::Byte(_) => "the byte",
        Lit::Char(_) => "the character",
        Lit::Int(number) if number.suffix().is_empty() => "the integer",
        Lit::Float(number) if number.suffix().is_empty() => "the fraction",
        Lit::Int(_) | Lit::Float(_) => "the number with another type's suffix",
        _ => "the literal",
    };
    format!("{kind} `{}`", literal.to_token_stream())
}

fn unknown(key: &Ident) -> Error {
    let known = KNOWN.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = match did_you_mean(&key.to_string()) {
        Some(name) => format!("unknown argument `{key}`: did you mean `{name}`? The arguments are {known}"),
        None => format!("unknown argument `{key}`: the arguments are {known}"),
    };
    Error::new(key.span(), message)
}

/// The known argument nearest to `key`, if one is near: they share a word or a beginning, or differ in a third of the
/// letters at most.
fn did_you_mean(key: &str) -> Option<&'static str> {
    let has_word = |of: &str, word: &str| of.split('_').any(|part| part == word);
    let distance = |name: &str| match name {
        _ if has_word(name, key) || has_word(key, name) => 0,
        _ if key.len() >= 3 && name.starts_with(key) || key.starts_with(name) => 1,
        _ => edit_distance(key, name),
    };
    let (distance, name) = KNOWN.iter().map(|(name, _)| (distance(name), *name)).min()?;
    (distance <= name.len() / 3).then_some(name)
}

/// Levenshtein's distance: how many letters must be inserted, removed or replaced to make `a` into `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn errors(tokens: TokenStream) -> Vec<String> {
        parse(tokens).err().into_iter().flatten().map(|error| error.to_string()).collect()
    }

    #[test]
    fn nothing_is_given() {
        let args = parse(TokenStream::new()).unwrap();
        assert!(args.output.is_none() && args.sample_rate.is_none() && args.krate.is_none());
    }

    #[test]
    fn everything_is_given_with_a_last_comma() {
        let args = parse(quote! {
            output = "a", sample_rate = 1, min_allocation_size = 0x10usize, buffer_size = 4_096, name = r"n", crate = a::b,
        })
        .unwrap();
        assert_eq!(args.output.unwrap().value(), "a");
        assert_eq!(
            (args.sample_rate, args.min_allocation_size, args.buffer_size),
            (Some(1.0), Some(16), Some(4096))
        );
        assert_eq!(args.name.unwrap().value(), "n");
        assert_eq!(args.krate.unwrap().segments.len(), 2);
    }

    #[test]
    fn a_budget_is_a_share_and_not_for_exact_mode() {
        let args = parse(quote! { overhead_budget = 0.02, sample_rate = 0.5 }).unwrap();
        assert_eq!(args.overhead_budget, Some(0.02));
        for (tokens, part) in [
            (quote! { overhead_budget = 0 }, "0 < overhead_budget <= 1"),
            (quote! { overhead_budget = 1.5 }, "share of the process's CPU time"),
            (quote! { overhead_budget = "off" }, "expects a number"),
            (quote! { overhead_budget = 0.02, sample_rate = 1 }, "cannot be kept"),
        ] {
            let errors = errors(tokens);
            assert!(errors.len() == 1 && errors[0].contains(part), "{errors:?}");
        }
    }

    #[test]
    fn one_mistake_hides_no_other() {
        assert_eq!(
            errors(quote! { output = 1, wrong, , "x", sample_rate = f(1, 2), name = "right" }).len(),
            5
        );
    }

    #[test]
    fn suggestions_are_near() {
        let suggestions = [
            ("ouput", Some("output")),
            ("out", Some("output")),
            ("Name", Some("name")),
            ("rate", Some("sample_rate")),
            ("sampling_rate", Some("sample_rate")),
            ("min_alloc_size", Some("min_allocation_size")),
            ("min_allocation_size_bytes", Some("min_allocation_size")),
            ("krate", Some("crate")),
            ("threads", None),
            ("x", None),
        ];
        for (key, name) in suggestions {
            assert_eq!(did_you_mean(key), name, "{key}");
        }
    }

    #[test]
    fn edit_distances() {
        for (a, b, distance) in
            [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }
}
