//! The SQL of `migrate` is embedded; a new or changed file must rebuild the crate.

fn main() {
    for folder in ["migrations", "functions", "api"] {
        println!("cargo::rerun-if-changed=../sql/{folder}");
    }
}
