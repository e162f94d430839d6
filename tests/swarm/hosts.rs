//! Random scenarios whose targets are hosts, or pods whose IPs are reused, or in several target groups.

use super::scenarios::{ANY, Dice, Rows, SHORT, section};

fn add(text: &mut String, table: &str, row: &str) {
    let head = format!("[{table}]\n");
    if !text.contains(&head) {
        text.push_str(&head);
    }
    *text = text.replacen(&head, &format!("{head}{row}\n"), 1);
}

/// New pods get the IPs of removed ones, at once or later.
pub fn with_reused_ips(dice: &mut Dice, text: &mut String) {
    add(
        text,
        "cluster",
        &format!("ip_reuse = {}", dice.pick(&["0.3", "1.0"])),
    );
    if dice.chance(0.7) {
        add(
            text,
            "cluster",
            &format!(
                "ip_cooldown = {}",
                dice.pick(&["\"0s\"", "\"1us\"", "\"3s\"", "\"12s\""])
            ),
        );
    }
}

/// Hosts become the targets, unless something in the text forbids it.
pub fn by_host(dice: &mut Dice, text: &mut String) {
    let forbids = [
        "readiness_gate = true",
        "node_loss",
        "zone_outage",
        "spot_",
        "graceful_node_",
    ];
    if forbids.iter().any(|word| text.contains(word)) {
        return;
    }
    add(text, "target_group", "target_type = \"instance\"");
    if dice.chance(0.5) {
        add(text, "service", "external_traffic_policy = \"Local\"");
        if dice.chance(0.5) {
            add(
                text,
                "target_group.health_check",
                "port = \"health_check_node_port\"",
            );
        }
    }
    let mut rows = Rows::new();
    dice.row(&mut rows, 0.3, "min_sync_period", &["\"0s\"", "\"10s\""]);
    dice.row(&mut rows, 0.3, "wait", SHORT);
    dice.row(&mut rows, 0.3, "programming", ANY);
    section(text, "kube_proxy", &rows);
}

/// One scenario in four has pods in one or two further target groups.
pub fn other_target_groups(dice: &mut Dice, text: &mut String) {
    if text.contains("\"instance\"") || dice.chance(0.75) {
        return;
    }
    for _ in 0..dice.between(1, 2) {
        text.push_str("[[other_target_group]]\n");
        text.push_str(&format!("nodes = {}\n", dice.between(1, 4)));
        if dice.chance(0.7) {
            let delay = dice.pick(&["0s", "1s", "20s", "3600s"]);
            text.push_str(&format!("deregistration_delay = \"{delay}\"\n"));
        }
        let check = health_check(dice);
        section(text, "other_target_group.health_check", &check);
    }
}

pub fn health_check(dice: &mut Dice) -> Rows {
    let interval = dice.pick(&["5", "10", "15", "30", "300"]);
    let timeouts: &[&str] = if interval == "5" {
        &["\"2s\"", "\"4s\""]
    } else {
        &["\"2s\"", "\"5s\"", "\"9s\""]
    };
    let mut check = vec![
        ("interval", format!("\"{interval}s\"")),
        ("timeout", dice.pick(timeouts).to_owned()),
    ];
    dice.row(&mut check, 0.5, "healthy_threshold", &["2", "3", "10"]);
    dice.row(&mut check, 0.5, "unhealthy_threshold", &["2", "3", "10"]);
    check
}
