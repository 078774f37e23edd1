//! Rebuilds the crate when a file of the SQL that `migrate` embeds changes.

fn main() {
    for folder in ["migrations", "functions", "api", "appwrite"] {
        println!("cargo::rerun-if-changed=../sql/{folder}");
    }
}
