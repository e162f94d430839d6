//! Fits the laws of the load balancer's lags to docs/evidence.toml and docs/deregistrations.csv.
//!
//! `cargo run --release --example refit`. A test holds the defaults against the same fit (`cargo test --test refit`);
//! docs/MODEL.md, "Contribute a row", says how the evidence grows.

#[path = "../tests/refit/evidence.rs"]
mod evidence;
#[path = "../tests/refit/fit.rs"]
mod fit;
#[path = "../tests/refit/posterior.rs"]
mod posterior;

fn main() {
    let evidence = evidence::Evidence::shipped();
    let laws = fit::deregistration(&evidence);
    println!("{}", fit::table(&evidence, &laws));
    print!(
        "{}",
        fit::registration_table(&evidence, &fit::middle(&laws))
    );
}
