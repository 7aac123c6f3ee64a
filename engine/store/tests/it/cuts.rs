//! Power cuts. `examples/power_cuts.rs` runs more of them.

use steadfast_store::testing::power_cuts;

#[test]
fn power_cuts_lose_nothing_durable() {
    let cuts = power_cuts(0, 4_000).unwrap_or_else(|failure| panic!("{failure}"));
    // A test that never tore a group, or never failed a commit, would have shown nothing.
    assert_eq!(cuts.cuts, 4_000);
    for count in [
        cuts.lost_writes,
        cuts.torn_writes,
        cuts.torn_tails,
        cuts.durable,
        cuts.lost,
        cuts.failed,
        cuts.fenced,
    ] {
        assert!(count > 100, "{cuts}");
    }
}
