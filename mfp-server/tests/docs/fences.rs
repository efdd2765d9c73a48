//! The fenced blocks of the documentation.

use std::fs;

use crate::names::root;

/// What stands between two fences.
pub(crate) struct Block {
    /// The file, from the root of the workspace.
    pub(crate) file: String,
    /// The line of the first fence.
    pub(crate) line: usize,
    /// What stands behind the first fence.
    pub(crate) kind: String,
    pub(crate) inside: String,
}

/// The files that tell users and contributors what to do.
pub(crate) fn documents() -> Vec<String> {
    let mut files = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(str::to_owned).to_vec();
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|end| end == "md"));
    files.extend(pages.map(|page| format!("docs/{}", page.file_name().unwrap().to_str().unwrap())));
    files.sort();
    files
}

/// The blocks of one file.
pub(crate) fn blocks(file: &str) -> Vec<Block> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let (mut all, mut open) = (Vec::new(), None::<Block>);
    for (index, line) in text.lines().enumerate() {
        open = match (open.take(), line.strip_prefix("```")) {
            (None, Some(kind)) => {
                let kind = kind.trim().to_owned();
                Some(Block { file: file.to_owned(), line: index + 1, kind, inside: String::new() })
            }
            (Some(block), Some(_)) => {
                all.push(block);
                None
            }
            (Some(mut block), None) => {
                block.inside.extend([line, "\n"]);
                Some(block)
            }
            (None, None) => None,
        };
    }
    assert!(open.is_none(), "{file}: a block does not end");
    all
}

/// The blocks of a kind in all files.
pub(crate) fn of_kind(kind: &str) -> Vec<Block> {
    let all = documents().into_iter().flat_map(|file| blocks(&file));
    all.filter(|block| block.kind == kind).collect()
}
