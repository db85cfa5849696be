//! What the files of a crate name: paths as they are written, and the files in which they end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree};

/// A file of a crate: where it lies below `src`, and its text.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// Every Rust file below `folder`, in order.
    pub(crate) fn below(folder: &Path) -> Vec<Self> {
        let mut files = Vec::new();
        collect(folder, folder, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        assert!(!files.is_empty(), "no Rust file below {}", folder.display());
        files
    }

    /// The module that the file is; that of the crate's root is empty.
    fn module(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        module
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let below = path.strip_prefix(root).unwrap();
            files.push(File {
                path: below.to_str().unwrap().replace('\\', "/"),
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

/// A path somewhere in a file.
pub(crate) struct Mention {
    /// The number of the file.
    pub(crate) file: usize,
    pub(crate) line: usize,
    /// From `crate` on, if it starts with `crate`, `self` or `super`; as it is written otherwise.
    pub(crate) path: Vec<String>,
    /// In code that only tests compile.
    pub(crate) test: bool,
    /// The module that it stands in.
    module: Vec<String>,
    /// It is a public `use`: nothing is used yet.
    reexport: bool,
}

#[derive(Default)]
struct Module {
    file: usize,
    items: BTreeSet<String>,
    /// Names that `use` brings in, with their paths as written.
    bindings: BTreeMap<String, Vec<Vec<String>>>,
    globs: Vec<Vec<String>>,
}

/// Where a path ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Item(usize),
    Module,
    Elsewhere,
}

/// A crate, read.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) paths: Vec<String>,
    pub(crate) mentions: Vec<Mention>,
    modules: BTreeMap<Vec<String>, Module>,
}

impl Sources {
    /// # Panics
    /// If a file is not Rust.
    pub(crate) fn read(files: &[File]) -> Self {
        let mut sources = Self::default();
        let mut parsed: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(number, file)| {
                let syntax = syn::parse_file(&file.text);
                let syntax = syntax.unwrap_or_else(|e| panic!("{}: {e}", file.path));
                (number, file.module(), syntax.items)
            })
            .collect();
        sources.paths = files.iter().map(|f| f.path.clone()).collect();
        // Parents first: they say which of their files only tests compile.
        parsed.sort_by_key(|(_, module, _)| module.len());
        let mut of_tests = BTreeSet::new();
        for (file, module, items) in parsed {
            let test = (0..=module.len()).any(|n| of_tests.contains(&module[..n]));
            sources.module(file, &module, &items, test, &mut of_tests);
        }
        sources
    }

    fn module(
        &mut self,
        file: usize,
        path: &[String],
        items: &[Item],
        test: bool,
        of_tests: &mut BTreeSet<Vec<String>>,
    ) {
        let mut module = Module {
            file,
            ..Module::default()
        };
        for item in items {
            let test = test || attributes(item).iter().any(is_test);
            match item {
                Item::Mod(child) => {
                    let path = [path, &[child.ident.to_string()]].concat();
                    match &child.content {
                        Some((_, items)) => self.module(file, &path, items, test, of_tests),
                        None if test => {
                            of_tests.insert(path);
                        }
                        None => {}
                    }
                    continue;
                }
                Item::Use(item) => bind(&item.tree, &mut Vec::new(), &mut module),
                item => module.items.extend(name(item)),
            }
            let reexport =
                matches!(item, Item::Use(u) if !matches!(u.vis, syn::Visibility::Inherited));
            let mut mentions = Vec::new();
            chains(item.to_token_stream(), &[], &mut mentions);
            self.mentions.extend(mentions.into_iter().map(|chain| {
                let rooted = absolute(path, &chain.path);
                let rooted = rooted.map(|path| [&["crate".to_owned()][..], &path].concat());
                Mention {
                    file,
                    line: chain.line,
                    path: rooted.unwrap_or(chain.path),
                    test,
                    module: path.to_vec(),
                    reexport,
                }
            }));
        }
        self.modules.insert(path.to_vec(), module);
    }

    /// The file that a mention needs, if it is one of this crate and the mention is no mere re-export.
    pub(crate) fn needs(&self, mention: &Mention) -> Option<usize> {
        if mention.reexport {
            return None;
        }
        let end = match mention.path.split_first() {
            Some((head, rest)) if head == "crate" => self.follow(rest, 0),
            _ => self.look_up(&mention.module, &mention.path, 0),
        };
        // Of a module, or of all that a `*` brings in, only what is used is needed.
        match end? {
            End::Item(file) => Some(file),
            End::Module | End::Elsewhere => None,
        }
    }

    /// A path that starts at the crate's root.
    fn follow(&self, path: &[String], depth: usize) -> Option<End> {
        // Globs of each other would go on for ever.
        if depth > 16 {
            return None;
        }
        let deepest = (0..=path.len())
            .rev()
            .find(|&n| self.modules.contains_key(&path[..n]))?;
        // `crate::infer::smc` is a module, and the function that is re-exported beside it.
        if deepest == path.len() && deepest > 0 {
            let (last, parent) = path.split_last()?;
            let parent = self.modules.get(parent);
            let also = parent.and_then(|m| m.bindings.get(last));
            if also.is_none() {
                return Some(End::Module);
            }
            return self.inside(&path[..deepest - 1], &path[deepest - 1..], depth);
        }
        if deepest == path.len() {
            return Some(End::Module);
        }
        let end = self.inside(&path[..deepest], &path[deepest..], depth);
        // What a macro writes is written where the macro is called.
        end.or_else(|| (depth == 0).then(|| End::Item(self.modules[&path[..deepest]].file)))
    }

    /// `rest` in a module, of which `rest[0]` is no module.
    fn inside(&self, path: &[String], rest: &[String], depth: usize) -> Option<End> {
        let module = &self.modules[path];
        if module.items.contains(&rest[0]) {
            return Some(End::Item(module.file));
        }
        if let Some(bindings) = module.bindings.get(&rest[0]) {
            let ends = bindings.iter().map(|binding| {
                let path_to = [binding, &rest[1..]].concat();
                match absolute(path, &path_to) {
                    Some(path) => self.follow(&path, depth + 1),
                    None if path_to[0] == rest[0] && binding.len() == 1 => Some(End::Elsewhere),
                    None => self.look_up(path, &path_to, depth + 1),
                }
            });
            return ends.flatten().next().or(Some(End::Elsewhere));
        }
        module.globs.iter().find_map(|glob| {
            let beyond = [&glob[..], rest].concat();
            match absolute(path, &beyond) {
                Some(beyond) => self.follow(&beyond, depth + 1),
                None if self.is_child(path, &glob[0]) => self.look_up(path, &beyond, depth + 1),
                None => None,
            }
        })
    }

    /// A path that starts with a name which module `at` knows.
    fn look_up(&self, at: &[String], path: &[String], depth: usize) -> Option<End> {
        if depth > 16 {
            return None;
        }
        let alone = path.len() == 1;
        if self.is_child(at, &path[0]) && !alone {
            return self.follow(&[at, path].concat(), depth + 1);
        }
        self.inside(at, path, depth)
    }

    fn is_child(&self, module: &[String], name: &str) -> bool {
        self.modules
            .contains_key(&[module, &[name.to_owned()]].concat())
    }
}

/// A path that starts with `crate`, `self` or `super`, from the crate's root on.
fn absolute(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut rest = path;
    let mut start = match rest.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return None,
    };
    while let Some((head, tail)) = rest.split_first() {
        match head.as_str() {
            "crate" | "self" => {}
            "super" => {
                start.pop();
            }
            _ => break,
        }
        rest = tail;
    }
    start.extend_from_slice(rest);
    Some(start)
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Path>()
            .is_ok_and(|path| path.is_ident("test"))
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(i) => &i.ident,
        Item::Enum(i) => &i.ident,
        Item::Fn(i) => &i.sig.ident,
        Item::Macro(i) => i.ident.as_ref()?,
        Item::Static(i) => &i.ident,
        Item::Struct(i) => &i.ident,
        Item::Trait(i) => &i.ident,
        Item::Type(i) => &i.ident,
        Item::Union(i) => &i.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The names that a `use` tree brings in.
fn bind(tree: &UseTree, prefix: &mut Vec<String>, module: &mut Module) {
    let mut add = |name: String, last: &str| {
        let mut path = prefix.clone();
        // `use a::{self}` names `a` itself.
        if last != "self" || path.is_empty() {
            path.push(last.to_owned());
        }
        module.bindings.entry(name).or_default().push(path);
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            bind(&path.tree, prefix, module);
            prefix.pop();
        }
        UseTree::Name(name) => {
            let last = name.ident.to_string();
            let own = prefix.last().filter(|_| last == "self").cloned();
            add(own.unwrap_or_else(|| last.clone()), &last);
        }
        UseTree::Rename(rename) => add(rename.rename.to_string(), &rename.ident.to_string()),
        UseTree::Glob(_) => module.globs.push(prefix.clone()),
        UseTree::Group(group) => {
            for tree in &group.items {
                bind(tree, prefix, module);
            }
        }
    }
}

struct Chain {
    path: Vec<String>,
    line: usize,
}

/// The paths among tokens, those in macros and in nested groups of a `use` with the others. Comments are no tokens, and
/// documentation is a literal.
fn chains(tokens: TokenStream, prefix: &[String], found: &mut Vec<Chain>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let punct =
        |i: usize, c: char| matches!(tokens.get(i), Some(TokenTree::Punct(p)) if p.as_char() == c);
    let colons = |i: usize| punct(i, ':') && punct(i + 1, ':');
    let mut i = 0;
    while i < tokens.len() {
        match &tokens[i] {
            TokenTree::Group(group) => {
                chains(group.stream(), &[], found);
                i += 1;
            }
            TokenTree::Punct(p) if p.as_char() == '*' && !prefix.is_empty() => {
                found.push(Chain {
                    path: prefix.to_vec(),
                    line: p.span().start().line,
                });
                i += 1;
            }
            // In a group of a `use`: the new name of what has been found.
            TokenTree::Ident(word) if word == "as" && !prefix.is_empty() => i += 2,
            TokenTree::Ident(head) => {
                let field = i > 0 && punct(i - 1, '.') && !(i > 1 && punct(i - 2, '.'));
                let continued = i > 1 && colons(i - 2);
                let line = head.span().start().line;
                let mut path = prefix.to_vec();
                // `use a::{self}` names `a` itself.
                if prefix.is_empty() || head != "self" {
                    path.push(head.to_string());
                }
                i += 1;
                let (mut glob, mut group) = (false, None);
                while colons(i) {
                    match tokens.get(i + 2) {
                        Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                        Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Brace => {
                            group = Some(g.stream());
                        }
                        Some(TokenTree::Punct(p)) if p.as_char() == '*' => glob = true,
                        _ => break,
                    }
                    i += 3;
                }
                // A lower-case name that is neither called nor the head of a path is a variable or a field.
                let called = punct(i, '!')
                    || matches!(tokens.get(i), Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis);
                let defined = tokens
                    .get(i.wrapping_sub(2))
                    .is_some_and(|t| matches!(t, TokenTree::Ident(w) if w == "fn"));
                let variable = path.len() == 1
                    && !glob
                    && path[0].starts_with(|c: char| c.is_ascii_lowercase())
                    && (!called || defined);
                match group {
                    Some(stream) => chains(stream, &path, found),
                    None if field || continued || variable => {}
                    None => found.push(Chain { path, line }),
                }
            }
            _ => i += 1,
        }
    }
}
