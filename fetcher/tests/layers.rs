//! The modules' dependencies have no cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_module_uses_itself_by_way_of_others() {
    let mut graph = Graph::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut graph);
    assert!(graph["run"].contains("poll") && graph["poll"].contains("tab"), "the edges are not found: {graph:?}");
    for module in graph.keys() {
        assert!(!reachable(&graph, module).contains(module), "{module} uses itself by way of others");
    }
}

/// Adds the edges of all files below a folder; files in a module's folder count as the module.
fn collect(folder: &Path, module: Option<&str>, graph: &mut Graph) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = module.unwrap_or(&stem);
        if path.is_dir() {
            collect(&path, Some(module), graph);
        } else if !["tests", "lib", "main"].contains(&stem.as_str()) {
            let text = std::fs::read_to_string(&path).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            let used = product
                .split("crate::")
                .skip(1)
                .map(|rest| rest.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect::<String>());
            graph.entry(module.to_owned()).or_default().extend(used.filter(|used| used != module));
        }
    }
}

fn reachable(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for next in graph.get(module).into_iter().flatten() {
            if found.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    found
}
